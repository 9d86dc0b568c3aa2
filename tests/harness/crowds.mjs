// Very many calls at once with one key that cannot pay for them all.
import assert from 'node:assert/strict';
import { chat } from './clients.mjs';
import { call, kPrompt } from './metering.mjs';

/// `count` calls at once with one key.
export const crowd = (gateway, name, count, body, more = {}) =>
  Promise.all(
    Array.from({ length: count }, (_, i) =>
      call(gateway, {
        key: `sk-${name}-0123456789`,
        id: `${name}-${i}`,
        body: typeof body === 'function' ? body(i) : body,
        ...more,
      }),
    ),
  );

/// What the clients of `answers` have got, prompts included.
export const delivered = (answers) =>
  answers
    .filter(({ output }) => output > 0)
    .reduce((sum, { output }) => sum + output + kPrompt.openai, 0);

export function assertOutOfQuota(answer) {
  assert.equal(answer.status, 429);
  assert.equal(answer.error.code, 'insufficient_quota');
  assert.equal(answer.error.type, 'insufficient_quota');
  assert.equal(answer.headers['retry-after'], undefined);
  assert.equal(answer.headers['x-should-retry'], 'false');
}

/// `count` streams at once on the key of this name, whose quota of `quota` tokens they use to the
/// last one and never pass. Each must have been ended at the upstream, too.
export async function spendByStreams(gateway, books, mock, { name, count, quota }) {
  const model = 'mock-c3000-i1';
  const counted = async () =>
    (await mock.stats()).models[model] ?? { requests: 0, aborted: 0, finished: 0 };
  const before = await counted();
  const answers = await crowd(gateway, name, count, chat(model, { stream: true }));
  const served = answers.filter(({ status }) => status === 200);
  for (const answer of answers) {
    if (answer.status !== 200) {
      assertOutOfQuota(answer);
      continue;
    }
    assert.equal(answer.error?.code, 'budget_exhausted', answer.text.slice(-300));
    assert.equal(answer.done, false, 'a stream that was cut looks finished');
    assert.equal(answer.finish, undefined);
  }
  assert.ok(served.length >= 4, `${served.length} streams were let in`);
  await books.settled();
  const { used_tokens } = books.key(name);
  assert.equal(used_tokens, delivered(answers), 'charged is not what was delivered');
  assert.equal(used_tokens, quota);
  books.check();
  // Each of them was closed at the upstream too, long before its end.
  await mock.countsOf(model, {
    requests: before.requests + served.length,
    aborted: before.aborted + served.length,
    finished: before.finished,
  });
  return served.length;
}

/// The same with calls that are not streamed: what is left then does not pay for the shortest.
export async function spendByCalls(gateway, books, { name, count, quota }) {
  // Twice as long as anybody can have: the limit that goes upstream must be what is left.
  const body = chat('mock-c20000-f50');
  const answers = await crowd(gateway, name, count, body);
  for (let rest = 1; rest > 0; ) {
    const more = await crowd(gateway, name, 20, body);
    answers.push(...more);
    rest = more.filter(({ status }) => status === 200).length;
  }
  for (const answer of answers) {
    if (answer.status !== 200) {
      assertOutOfQuota(answer);
      continue;
    }
    assert.equal(answer.finish, 'length');
    assert.equal(answer.usage.completion_tokens, answer.output);
  }
  await books.settled();
  const { used_tokens } = books.key(name);
  assert.equal(used_tokens, delivered(answers));
  assert.ok(used_tokens <= quota, `${used_tokens} were used`);
  // A prompt and a token are what the shortest call needs.
  assert.ok(quota - used_tokens <= kPrompt.openai, `${quota - used_tokens} are left`);
  books.check();
}
