// Calls of every kind that end in every way, and what the books must say of each.
import assert from 'node:assert/strict';
import { chat, message } from './clients.mjs';
import { call, costOf, endings, kPrompt } from './metering.mjs';

/// Numbers that follow from a seed.
export function randomNumbers(seed) {
  let state = seed >>> 0;
  return (below) => {
    // xorshift32
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % below;
  };
}

export const kPrice = { input: '1.234567891', output: '9.876543219' };

/// [model, what to do with it]. `x`, `s` and `e` fail, `n` fails once, `u0` reports nothing.
const kScripts = [
  ['mock-c1'],
  ['mock-c7-b3'],
  ['mock-c40'],
  ['mock-c60-i1'],
  ['mock-c300'],
  ['mock-c300-b2'],
  ['mock-c12-z7'],
  ['mock-c25-u0'],
  ['mock-c25-b3-u0-k'],
  ['mock-c9-k'],
  ['mock-c9-d0'],
  ['mock-t'],
  ['mock-c5-k-t'],
  ['mock-c15-e500'],
  ['mock-c15-e429'],
  ['mock-c15-e400'],
  ['mock-c15-e503-n1'],
  ['mock-c15-x0-n2'],
  ['mock-c30-x0'],
  ['mock-c30-x1'],
  ['mock-c30-x17'],
  ['mock-c30-b3-x11'],
  ['mock-c30-x17-k'],
  ['mock-c30-s5'],
  ['mock-c30-b2-s9'],
  ['mock-c30-m4'],
  ['mock-c400-i2', { abort: 'somewhere' }],
  ['mock-c400-i2-b3', { abort: 'somewhere' }],
  ['mock-c30-b2-s11', { abort: 22 }],
  ['mock-c30-s3', { abort: 3 }],
];

/// For the configuration: what each of them costs.
export const kPricedModels = kScripts.map(([name]) => ({ name, ...kPrice }));

function compose(random, key, id) {
  const [model, { abort } = {}] = kScripts[random(kScripts.length)];
  const stream = abort !== undefined || random(3) > 0;
  const limit = !abort && random(4) === 0 ? 1 + random(30) : undefined;
  const abortAfter = abort === 'somewhere' ? 1 + random(60) : abort;
  if (random(3) === 0) {
    const body = message(model, { stream, max_tokens: limit ?? 5000 });
    return { key, id, abortAfter, route: '/v1/messages', body };
  }
  const more = { ...(limit && { max_tokens: limit }), ...(random(6) === 0 && !abort && { n: 2 }) };
  if (stream && random(2)) more.stream_options = { include_usage: true };
  return { key, id, abortAfter, body: chat(model, { stream, ...more }) };
}

/// Sends `count` of them, `parallel` at a time. Returns [{asked, answer}].
export async function randomTraffic(gateway, { count, parallel, key, seed, name = 'r' }) {
  const random = randomNumbers(seed);
  const asked = Array.from({ length: count }, (_, i) => compose(random, key, `${name}-${i}`));
  const done = [];
  let next = 0;
  const worker = async () => {
    while (next < asked.length) {
      const each = asked[next++];
      done.push({ asked: each, answer: await call(gateway, each) });
    }
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  return done;
}

/// Holds the books against what clients received and what the upstream says it sent.
export async function checkTraffic(done, books, mock) {
  await books.settled();
  const sent = await endings(mock);
  const rows = new Map();
  for (const row of books.usage()) rows.set(row.request_id, [...(rows.get(row.request_id) ?? []), row]);
  const seen = { finished: 0, failed: 0, cut: 0, aborted: 0 };
  for (const { asked, answer } of done) {
    const what = `${asked.id} ${JSON.stringify(asked.body)} -> ${answer.status} ${answer.text.slice(-200)}`;
    const of = rows.get(asked.id) ?? [];
    assert.ok(of.length <= 1, `${of.length} rows: ${what}`);
    const row = of[0] ?? { input_tokens: 0, output_tokens: 0, cost: 0 };
    const attempts = sent.get(asked.id) ?? [];
    assert.equal(row.cost, costOf(kPrice, row.input_tokens, row.output_tokens), what);
    if (answer.aborted) {
      // What it had read, and at most what was on its way to it.
      ++seen.aborted;
      const most = attempts.at(-1).tokens_sent;
      assert.equal(row.input_tokens, kPrompt.openai, what);
      assert.ok(row.output_tokens >= answer.output, `charged ${row.output_tokens}: ${what}`);
      assert.ok(row.output_tokens <= most, `charged ${row.output_tokens} of ${most}: ${what}`);
      if (/-s\d/.test(asked.body.model)) assert.equal(row.output_tokens, answer.output, what);
      // A client that reads slowly may leave when all has been sent to it already.
      const allSent = row.outcome === 'finished' && row.output_tokens === most;
      // Or after an upstream that stalls has been given up, with the same to pay.
      const givenUp = /-s\d/.test(asked.body.model) && row.outcome === 'upstream_failed';
      const left = row.outcome === 'client_gone' || allSent || givenUp;
      assert.ok(left, `${row.outcome}: ${what}`);
    } else if (answer.status === 200 && answer.done) {
      ++seen.finished;
      // All of it was sent, though the chunk that ends a body may have been too late for anybody.
      const last = attempts.at(-1);
      assert.equal(row.input_tokens, last.prompt_tokens, what);
      assert.equal(row.output_tokens, last.tokens_sent, what);
      assert.equal(row.outcome, 'finished', what);
      assert.equal(of.length, 1, what);
    } else if (answer.status === 200) {
      // Cut inside: what the client has is what it pays for.
      ++seen.cut;
      assert.equal(of.length, 1, what);
      if (asked.body.stream) {
        assert.notEqual(row.outcome, 'finished', what);
        assert.ok(answer.error, `no error frame: ${what}`);
        assert.equal(row.output_tokens, answer.output, what);
        assert.equal(row.input_tokens, answer.output > 0 ? kPrompt.openai : 0, what);
      } else {
        // A broken body: nobody can say what the client makes of it.
        assert.ok(row.output_tokens <= 2 * 60, what);
      }
    } else {
      ++seen.failed;
      assert.equal(row.input_tokens + row.output_tokens, 0, what);
    }
  }
  return seen;
}
