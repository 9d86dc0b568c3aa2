// Upstreams that report nonsense, or answer otherwise than they were asked; and what is given back
// to whom a request was refused.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { chat, message } from '../harness/clients.mjs';
import { configFor, startGateway } from '../harness/gateway.mjs';
import { Books, call, kPrompt } from '../harness/metering.mjs';
import { chunk, json, kStreamHead, startUpstream } from '../harness/upstream.mjs';

const kWords = ' alpha beta gamma delta';
const kCounted = 4;
const event = (data) => `data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`;
const content = (text, finish_reason = null) =>
  event({ choices: [{ index: 0, delta: { content: text }, finish_reason }] });
const stream = (text) => Buffer.from(`${kStreamHead}${chunk(text)}0\r\n\r\n`);

const upstream = await startUpstream();
const gateway = await startGateway(
  configFor(upstream.url, {
    keys: [
      { key: 'sk-hostile-0123456789', name: 'hostile', quota_tokens: 1_000_000 },
      { key: 'sk-rich-0123456789', name: 'rich', quota_tokens: 2000 },
      { key: 'sk-poor-0123456789', name: 'poor', quota_tokens: 1500 },
      { key: 'sk-thinker-0123456789', name: 'thinker', quota_tokens: 500, tpm: 1000 },
    ],
  }),
);
const books = new Books(gateway.folder);

/// The row of one call that is answered with these bytes.
async function rowOf(id, bytes, body = {}) {
  const model = upstream.on(`gpt-4o-${id}`, ({ socket }) => socket.write(bytes));
  const answer = await call(gateway, { key: 'sk-hostile-0123456789', id, body: chat(model, body) });
  return { ...(await books.rowOf(id)), answer };
}

describe('a report', () => {
  const kReports = {
    negative: '{"prompt_tokens":8,"completion_tokens":-7}',
    huge: '{"prompt_tokens":9223372036854775807,"completion_tokens":4}',
    nothing: '{"prompt_tokens":8,"completion_tokens":0}',
    text: '{"prompt_tokens":"8","completion_tokens":"4"}',
  };
  for (const [name, usage] of Object.entries(kReports)) {
    test(`that is no number is none: ${name}`, async () => {
      const text =
        content(kWords, 'stop') + event(`{"choices":[],"usage":${usage}}`) + event('[DONE]');
      const row = await rowOf(`stream-${name}`, stream(text), { stream: true });
      assert.equal(row.answer.done, true);
      assert.deepEqual([row.basis, row.output_tokens], ['counted', kCounted]);
      assert.equal(row.input_tokens, kPrompt.openai);

      const choices = `[{"message":{"content":"${kWords}"},"finish_reason":"stop"}]`;
      const whole = json(200, `{"choices":${choices},"usage":${usage}}`);
      const other = await rowOf(`whole-${name}`, whole);
      assert.deepEqual([other.basis, other.output_tokens], ['counted', kCounted]);
    });
  }
});

describe('a stream to who did not ask for one', () => {
  test('is counted', async () => {
    const text = content(kWords).repeat(3) + content('', 'stop') + event('[DONE]');
    const row = await rowOf('unasked', stream(text));
    assert.deepEqual([row.basis, row.output_tokens], ['counted', 3 * kCounted]);
  });

  test('is charged as it reports', async () => {
    const usage = { prompt_tokens: 9, completion_tokens: 5 };
    const text = content(kWords, 'stop') + event({ choices: [], usage }) + event('[DONE]');
    const row = await rowOf('unasked-reported', stream(text));
    assert.deepEqual([row.basis, row.input_tokens, row.output_tokens], ['reported', 9, 5]);
  });
});

describe('a whole answer to who asked for a stream', () => {
  const whole = (words) =>
    json(200, { choices: [{ message: { content: kWords.repeat(words / 4) }, finish_reason: 'stop' }] });
  const model = upstream.on('gpt-4o-whole', ({ socket }) => socket.write(whole(400)));
  const ask = (name) =>
    call(gateway, { key: `sk-${name}-0123456789`, id: name, body: chat(model, { stream: true }) });

  test('is paid for', async () => {
    assert.equal((await ask('rich')).status, 200);
    assert.equal(books.key('rich').left, 2000 - kPrompt.openai - 400);
  });

  test('is not passed on beyond what is left', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask('poor')));
    assert.ok(books.key('poor').left >= 0, JSON.stringify(books.key('poor')));
    for (const { status, error } of answers) {
      if (status !== 200) assert.deepEqual([status, error.code], [429, 'insufficient_quota']);
    }
  });
});

test('who is refused for what is left has spent none of its tokens a minute', async () => {
  const thinking = { type: 'enabled', budget_tokens: 2000 };
  const body = message('claude-thinker', { max_tokens: 4000, thinking });
  const ask = () => call(gateway, { key: 'sk-thinker-0123456789', route: '/v1/messages', body });
  const first = await ask();
  assert.equal(first.status, 429, first.text);
  assert.equal(first.headers['x-should-retry'], 'false');
  assert.equal(first.headers['x-ratelimit-remaining-tokens'], '1000');
});
