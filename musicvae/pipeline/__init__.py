"""A representation and a model made into one thing: music in, latents, music out."""
