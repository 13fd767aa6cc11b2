"""Tools on z alone: they work with any model and are tested without one."""
