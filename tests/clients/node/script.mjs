// A script that a test drives: `node SCRIPT SCENARIO CONFIG`. It says JSON objects, one a line, hears words, one a
// line, and ends with status 0 when its scenario does; a failed assertion is a stack trace and status 1.
import fs from 'node:fs';
import readline from 'node:readline';

export const [, , scenario, text] = process.argv;
export const config = JSON.parse(text);
for (const file of ['ca', 'certificate', 'key'])
  if (config[file]) config[file] = fs.readFileSync(config[file]);

export const say = (what) => console.log(JSON.stringify(what));

const heard = new Set();
const waiting = new Map();
const input = readline.createInterface({ input: process.stdin });
input.on('line', (word) => {
  heard.add(word);
  waiting.get(word)?.();
});
/** Waits until the test has told us `word`. */
export const hear = (word) => heard.has(word) ? Promise.resolve() : new Promise((resolve) => waiting.set(word, resolve));

const PATIENCE = 30_000;

export async function run(scenarios) {
  setTimeout(() => {
    console.error(`${scenario} did not end within ${PATIENCE / 1000}s`);
    process.exit(1);
  }, PATIENCE);
  await scenarios[scenario]();
  process.exit(0);
}

/** The next `name` of `emitter`; its `error` rejects. */
export const once = (emitter, name) => new Promise((resolve, reject) => {
  const fail = (error) => { emitter.off(name, done); reject(error); };
  const done = (...values) => { emitter.off('error', fail); resolve(values.length > 1 ? values : values[0]); };
  emitter.once(name, done);
  emitter.once('error', fail);
});

/** A queue between somebody who is called and somebody who awaits. */
export class Queue {
  #items = [];
  #takers = [];
  put(item) {
    const taker = this.#takers.shift();
    if (taker) taker(item); else this.#items.push(item);
  }
  take() {
    return this.#items.length ? Promise.resolve(this.#items.shift())
      : new Promise((resolve) => this.#takers.push(resolve));
  }
  get empty() { return this.#items.length === 0; }
}
