// Counts tokens with Sluice and with the npm package `tiktoken`, on the same texts, in turns:
//
//   node bench/tokens.js [--encoding NAME] [--rounds N]
//
// Needs bin/sluice (make build) and the npm package (scripts/setup.sh build). Sluice is a process
// for each measurement, and the time of an empty one is taken off; both have read the text before.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { corpus } from '../tests/harness/corpus.mjs';

const root = fileURLToPath(new URL('../', import.meta.url));
const binary = process.env.SLUICE_BIN ?? path.join(root, 'bin/sluice');
const require = createRequire(path.join(root, '.tools/tiktoken/package.json'));
const { get_encoding: encodingOf } = require('tiktoken');
const { values } = parseArgs({
  options: {
    encoding: { type: 'string', default: 'o200k_base' },
    rounds: { type: 'string', default: '5' },
  },
});

const encoding = encodingOf(values.encoding);
const folder = mkdtempSync(path.join(os.tmpdir(), 'sluice-tokens-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
const seconds = (work) => {
  const begin = process.hrtime.bigint();
  const result = work();
  return { result, time: Number(process.hrtime.bigint() - begin) / 1e9 };
};
const sluice = (file) =>
  Number(execFileSync(binary, ['tokens', '--encoding', values.encoding, file]).toString());

const empty = path.join(folder, 'empty');
writeFileSync(empty, '');
console.log('text            MB     tokens   sluice MB/s   tiktoken MB/s   ratio');
for (const [name, content] of Object.entries(corpus(root))) {
  const text = content.toString('utf8');
  const file = path.join(folder, name);
  // Several times over, so that a process is measured and not its start.
  const copies = 16;
  writeFileSync(file, text.repeat(copies));
  const megabytes = Buffer.byteLength(text) / 1e6;
  let ours = Infinity;
  let theirs = Infinity;
  let tokens = 0;
  for (let round = 0; round < Number(values.rounds); round++) {
    const start = seconds(() => sluice(empty)).time;
    ours = Math.min(ours, (seconds(() => sluice(file)).time - start) / copies);
    const reference = seconds(() => encoding.encode_ordinary(text).length);
    theirs = Math.min(theirs, reference.time);
    tokens = reference.result;
  }
  console.log(
    name.padEnd(14),
    megabytes.toFixed(2).padStart(5),
    String(tokens).padStart(10),
    (megabytes / ours).toFixed(1).padStart(13),
    (megabytes / theirs).toFixed(1).padStart(15),
    `${(theirs / ours).toFixed(0)}x`.padStart(7),
  );
}
