// `sluice tokens` against the npm package `tiktoken`, the same that the ranks come from.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, test } from 'node:test';
import { corpus } from '../harness/corpus.mjs';
import { binary, run, temporaryFolder } from '../harness/processes.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
const require = createRequire(path.join(root, '.tools/tiktoken/package.json'));
const { get_encoding: encodingOf } = require('tiktoken');

const names = ['o200k_base', 'cl100k_base', 'p50k_base', 'r50k_base'];
const folder = temporaryFolder();
const files = [];
for (const [name, text] of Object.entries(corpus(root))) {
  const file = path.join(folder, name);
  writeFileSync(file, text);
  files.push(file);
}
// What a decoder makes of it is what is counted.
const texts = files.map((file) => readFileSync(file).toString('utf8'));

// Not by run(), which is for output that comes in lines.
function json(...args) {
  const output = execFileSync(binary, ['tokens', '--json', ...args], { maxBuffer: 2 ** 28 });
  return JSON.parse(output);
}

describe('sluice tokens equals tiktoken', () => {
  test('the corpus is realistic in size', () => {
    const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
    assert.ok(bytes > 5_000_000, `${bytes} bytes`);
  });

  for (const name of names) {
    test(`token by token with ${name}`, { timeout: 120_000 }, () => {
      const encoding = encodingOf(name);
      let total = 0;
      for (const [index, text] of texts.entries()) {
        const expected = encoding.encode_ordinary(text);
        const { files: counted, encoding: used } = json(
          '--encoding', name, '--ids', files[index],
        );
        assert.equal(used, name);
        const { ids, tokens } = counted[0];
        assert.equal(tokens, ids.length);
        // Not deepEqual: on a difference it would print all of them.
        const at = expected.findIndex((id, i) => id !== ids[i]);
        assert.equal(at, -1, `${files[index]}: differs at token ${at}: ${ids.slice(at, at + 5)}`);
        assert.equal(ids.length, expected.length, files[index]);
        total += expected.length;
      }
      encoding.free();
      const counted = json('--encoding', name, ...files);
      assert.equal(counted.total, total);
    });
  }
});

describe('sluice tokens', () => {
  const some = path.join(root, 'README.md');
  const reference = encodingOf('o200k_base');
  const count = reference.encode_ordinary(readFileSync(some, 'utf8')).length;

  test('prints one number for one file, and for standard input', async () => {
    assert.equal((await run(['tokens', some])).stdout, `${count}\n`);
    assert.equal((await run(['tokens', '--model', 'gpt-4o', some])).stdout, `${count}\n`);
    assert.equal((await run(['tokens'])).stdout, '0\n');
  });

  test('prints a line a file and their sum', async () => {
    const { code, stdout } = await run(['tokens', some, some]);
    assert.equal(code, 0);
    assert.deepEqual(
      stdout.trim().split('\n').map((line) => line.trim().split(/\s+/)),
      [[`${count}`, some], [`${count}`, some], [`${2 * count}`, 'total']],
    );
  });

  test('counts what it can and exits with 1 when a file cannot be read', async () => {
    const { code, stdout, stderr } = await run(['tokens', '/no/such/file', some]);
    assert.equal(code, 1);
    assert.match(stderr, /^sluice tokens: \/no\/such\/file: No such file/);
    assert.match(stdout, new RegExp(`^ *${count}  `));
  });

  test('says that the encoding of a foreign model is a guess', async () => {
    const { code, stdout, stderr } = await run(['tokens', '--model', 'claude-sonnet-4-5', some]);
    assert.equal(code, 0);
    assert.equal(stdout, `${count}\n`);
    assert.match(stderr, /not public/);
  });

  for (const args of [['--encoding', 'gpt5'], ['--encoding', 'o200k_base', '--model', 'gpt-4o'], ['--fly']]) {
    test(`exits with 2 and one line on ${args.join(' ')}`, async () => {
      const { code, stdout, stderr } = await run(['tokens', ...args, some]);
      assert.equal(code, 2);
      assert.equal(stdout.trim(), '');
      assert.equal(stderr.trim().split('\n').length, 1);
    });
  }
});
