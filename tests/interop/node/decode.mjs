// Loads a folder of Magenta.js over HTTP, as a page would, and decodes z greedily in plain
// JavaScript.
//
//     node decode.mjs FOLDER < asked.json > answered.json
//
// asked: {"z": [[...]], "inputs": [NoteSequence], "controls": {...}}, the last two only if wanted;
// answered: {"notes": [[[pitch, start step, end step], ...]], "tensors": [[[...]]], "mean": [[...]]}.
import {readFileSync} from 'node:fs';
import {createServer} from 'node:http';
import {createRequire} from 'node:module';
import {join} from 'node:path';

const require = createRequire(import.meta.url);
console.log = console.info = console.warn = () => {}; // the answer alone goes to stdout
const tf = require('@tensorflow/tfjs');
const {MusicVAE} = require('@magenta/music/node/music_vae');

const folder = process.argv[2];
const server = createServer((request, response) => {
  try {
    const file = readFileSync(join(folder, request.url));
    response.writeHead(200);
    response.end(file);
  } catch {
    response.writeHead(404);
    response.end();
  }
});
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));

await tf.setBackend('cpu');
const asked = JSON.parse(readFileSync(0, 'utf8'));
const extras = asked.controls?.extraControls ?? {};
for (const name of Object.keys(extras)) extras[name] = tf.tensor2d(extras[name]);
const model = new MusicVAE(`http://127.0.0.1:${server.address().port}`);
await model.initialize();

const z = tf.tensor2d(asked.z);
const sequences = await model.decode(z, undefined, asked.controls);
const tensors = await (await model.decodeTensors(z, undefined, asked.controls)).array();
const notes = sequences.map((sequence) => sequence.notes.map((note) => [
  note.pitch, Number(note.quantizedStartStep), Number(note.quantizedEndStep)]));
const mean = asked.inputs === undefined ?
  [] : await (await model.encode(asked.inputs, asked.controls)).array();

process.stdout.write(JSON.stringify({
  tfjs: tf.version.tfjs, backend: tf.getBackend(), zDims: model.zDims, notes, tensors, mean}));
server.close();
