// Nobody spends more than there is: a thousand calls at once on one quota and on one wallet.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { anthropic, chat, message, openai, refusal } from '../harness/clients.mjs';
import {
  assertOutOfQuota,
  crowd,
  delivered,
  spendByCalls,
  spendByStreams,
} from '../harness/crowds.mjs';
import { configFor, startGateway } from '../harness/gateway.mjs';
import { Books, call, costOf, nanos, sluice, sluiceJson, kPrompt } from '../harness/metering.mjs';
import { startMock } from '../harness/mock.mjs';
import { json, oa, startUpstream } from '../harness/upstream.mjs';

const kQuota = 10_000;
const kCalls = 1000;
const mock = await startMock();

const keyOf = (name, more = {}) => ({ key: `sk-${name}-0123456789`, name, ...more });

/// A gateway with one key a name, each with its quota.
async function gatewayWith(keys, more = {}) {
  const gateway = await startGateway(configFor(mock.url, { keys, ...more }));
  gateway.books = new Books(gateway.folder);
  return gateway;
}

describe('a quota of 10,000 tokens', async () => {
  const gateway = await gatewayWith(
    [
      keyOf('streams', { quota_tokens: kQuota }),
      keyOf('wholes', { quota_tokens: kQuota }),
      keyOf('unknown', { quota_tokens: kQuota }),
      keyOf('limited', { quota_tokens: kQuota }),
      keyOf('choices', { quota_tokens: 500 }),
      keyOf('mixed', { quota_tokens: kQuota }),
      keyOf('large', { quota_tokens: 1000 }),
    ],
    { models: [{ name: 'mock-c20000-f50', max_output: 20_000 }] },
  );

  test('is never passed by a thousand streams, and used to its last token', async () => {
    const { books } = gateway;
    await spendByStreams(gateway, books, mock, { name: 'streams', count: kCalls, quota: kQuota });
  });

  test('refuses what comes after, and touches no upstream for it', async () => {
    const before = (await mock.stats()).requests;
    for (const stream of [true, false]) {
      const key = 'sk-streams-0123456789';
      assertOutOfQuota(await call(gateway, { key, body: chat('mock', { stream }) }));
      const answer = await call(gateway, {
        ...{ key, route: '/v1/messages', body: message('mock', { stream }) },
      });
      assert.equal(answer.status, 429);
      assert.equal(answer.error.type, 'rate_limit_error');
      assert.equal(answer.headers['x-should-retry'], 'false');
      assert.equal(answer.headers['retry-after'], undefined);
    }
    const failed = await refusal(
      openai(gateway, { apiKey: 'sk-streams-0123456789', maxRetries: 3 }).chat.completions.create(
        chat('mock'),
      ),
    );
    assert.equal(failed.code, 'insufficient_quota');
    const cut = await refusal(
      anthropic(gateway, { apiKey: 'sk-streams-0123456789', maxRetries: 3 }).messages.create(
        message('mock'),
      ),
    );
    assert.equal(cut.status, 429);
    assert.equal((await mock.stats()).requests, before);
  });

  test('is never passed by a thousand calls that are not streamed', async () => {
    await spendByCalls(gateway, gateway.books, { name: 'wholes', count: kCalls, quota: kQuota });
  });

  test('is not passed by a model that writes more than anybody expects', async () => {
    // Neither the client nor the configuration says how long its answers may be.
    const answers = await crowd(gateway, 'unknown', 50, chat('mock-c30000-f50'));
    assert.ok(answers.some(({ status }) => status === 200));
    const { used_tokens } = gateway.books.key('unknown');
    assert.equal(used_tokens, delivered(answers));
    assert.ok(used_tokens <= kQuota, `${used_tokens} were used`);
  });

  test('is shared by calls that ask for little', async () => {
    // Each may have 50; what a call does not use comes back for others.
    const answers = await crowd(gateway, 'limited', kCalls, (i) =>
      chat('mock-c40-f20', i % 2 ? { max_tokens: 50 } : { max_completion_tokens: 30 }),
    );
    const served = answers.filter(({ status }) => status === 200);
    for (const answer of served) {
      assert.equal(answer.finish, answer.output < 40 ? 'length' : 'stop');
    }
    const { used_tokens } = gateway.books.key('limited');
    assert.equal(used_tokens, delivered(answers));
    assert.ok(used_tokens <= kQuota);
    assert.ok(served.length >= 100, `${served.length} calls were served`);
    gateway.books.check();
  });

  test('is divided among the choices of a call', async () => {
    const body = chat('mock-c1000', { n: 4 });
    const [answer] = await crowd(gateway, 'choices', 1, body);
    assert.equal(answer.status, 200);
    const limit = (500 - kPrompt.openai) / 4;
    assert.deepEqual(
      answer.json.choices.map((each) => each.finish_reason),
      ['length', 'length', 'length', 'length'],
    );
    assert.equal(answer.usage.completion_tokens, 4 * limit);
    assert.equal(gateway.books.key('choices').left, 0);
  });

  test('is never passed by a mixture of dialects, streams and choices', async () => {
    const rounds = Array.from({ length: 400 }, (_, i) => {
      const stream = i % 2 === 0;
      if (i % 3 === 0) {
        const body = message(`mock-c${(i % 7) * 40 + 1}-b2-i1`, { stream, max_tokens: 5000 });
        return { route: '/v1/messages', body };
      }
      return { body: chat(`mock-c${(i % 5) * 60 + 1}-i1`, { stream, n: 1 + (i % 4 === 3) }) };
    });
    const answers = await Promise.all(
      rounds.map((each) => call(gateway, { key: 'sk-mixed-0123456789', ...each })),
    );
    assert.ok(answers.some(({ status }) => status === 200));
    for (const { status, error } of answers) {
      assert.ok(status === 200 || error.type === 'insufficient_quota' || status === 429);
    }
    await gateway.books.settled();
    const { used_tokens } = gateway.books.key('mixed');
    assert.ok(used_tokens <= kQuota, `${used_tokens} were used`);
    gateway.books.check();
  });

  test('is left by less than one event where events are large', async () => {
    // Seven tokens an event: the last ones do not fit.
    const body = chat('mock-c900-b7', { stream: true });
    const [answer] = await crowd(gateway, 'large', 1, body);
    assert.equal(answer.error.code, 'budget_exhausted');
    const { left } = gateway.books.key('large');
    assert.equal(left, (1000 - kPrompt.openai) % 7);
    assert.equal(answer.output + kPrompt.openai + left, 1000);
  });

  test('is shown by the official clients as what it is', async () => {
    const two = await gatewayWith([
      keyOf('sdk', { quota_tokens: 50 }),
      keyOf('sdk2', { quota_tokens: 50 }),
    ]);
    const seen = [];
    const failed = await refusal(
      (async () => {
        const stream = await openai(two, { apiKey: 'sk-sdk-0123456789' }).chat.completions.create(
          chat('mock-c500', { stream: true }),
        );
        for await (const chunk of stream) seen.push(chunk.choices[0]?.delta.content);
      })(),
    );
    assert.equal(failed.code, 'budget_exhausted');
    assert.equal(seen.filter(Boolean).length, 50 - kPrompt.openai);
    const stream = anthropic(two, { apiKey: 'sk-sdk2-0123456789' }).messages.stream(
      message('mock-c500'),
    );
    let text = '';
    stream.on('text', (part) => (text += part));
    const cut = await refusal(stream.finalMessage());
    assert.match(String(cut.message), /budget|balance|tokens/i);
    assert.ok(text.length > 0);
    assert.equal(two.books.key('sdk2').left, 0);
  });
});

describe('what is left', () => {
  test('outlives a restart, and changes by the difference of the configured quota', async () => {
    const keys = [keyOf('kept', { quota_tokens: 100 })];
    let gateway = await gatewayWith(keys);
    const body = chat('mock-c12', { stream: true });
    await crowd(gateway, 'kept', 1, body);
    assert.equal(gateway.books.key('kept').left, 80);
    await gateway.stop();

    gateway = await startGateway(configFor(mock.url, { keys }), { folder: gateway.folder });
    const books = new Books(gateway.folder);
    assert.equal(books.key('kept').left, 80);
    await crowd(gateway, 'kept', 1, body);
    assert.equal(books.key('kept').left, 60);

    // While it runs: to less than what was used, and to more.
    const reload = (quota_tokens) =>
      gateway.reload(configFor(mock.url, { keys: [keyOf('kept', { quota_tokens })] }));
    assert.ok(await reload(30));
    assert.equal(books.key('kept').left, -10);
    assertOutOfQuota((await crowd(gateway, 'kept', 1, body))[0]);
    assert.ok(await reload(70));
    assert.equal(books.key('kept').left, 30);
    assert.equal((await crowd(gateway, 'kept', 1, body))[0].status, 200);
    assert.equal(books.key('kept').left, 10);
    await gateway.stop();
    gateway = await startGateway(
      configFor(mock.url, { keys: [keyOf('kept', { quota_tokens: 1070 })] }),
      { folder: gateway.folder },
    );
    assert.equal(books.key('kept').left, 1010);
  });

  test('of nothing is nothing, and of no quota everything', async () => {
    const gateway = await gatewayWith([keyOf('none', { quota_tokens: 0 }), keyOf('all')]);
    assertOutOfQuota((await crowd(gateway, 'none', 1, chat('mock-c1')))[0]);
    assert.equal((await crowd(gateway, 'all', 1, chat('mock-c9000')))[0].output, 9000);
    assert.deepEqual(gateway.books.key('all').left, null);
    assert.equal(gateway.books.key('all').used_tokens, 9000 + kPrompt.openai);
  });
});

describe('a report above what was leased', async () => {
  const upstream = await startUpstream();
  const report = { prompt_tokens: 8, completion_tokens: 500, total_tokens: 508 };
  upstream.on('tall-tales', ({ socket }) =>
    socket.write(json(200, { ...oa.whole('one two'), usage: report })),
  );
  const price = { input: '1', output: '1000' };
  const config = configFor(upstream.url, {
    keys: [keyOf('lender', { quota_tokens: 100 }), keyOf('payer', { user: 'eve' })],
    models: [{ name: 'tall-tales', ...price }],
  });
  const gateway = await startGateway(config);
  gateway.books = new Books(gateway.folder);

  test('is a debt of the quota, which is seen and blocks the next call', async () => {
    const [answer] = await crowd(gateway, 'lender', 1, chat('tall-tales', { max_tokens: 20 }));
    assert.equal(answer.status, 200);
    assert.equal(gateway.books.key('lender').left, 100 - 508);
    assertOutOfQuota((await crowd(gateway, 'lender', 1, chat('tall-tales')))[0]);
    const keys = (quota_tokens) => ({ ...config, keys: [keyOf('lender', { quota_tokens })] });
    assert.ok(await gateway.reload(keys(508)));
    assertOutOfQuota((await crowd(gateway, 'lender', 1, chat('tall-tales')))[0]);
    assert.ok(await gateway.reload(keys(600)));
    assert.equal((await crowd(gateway, 'lender', 1, chat('tall-tales')))[0].status, 200);
    assert.ok(await gateway.reload(config));
  });

  test('is a debt of the wallet, too, until it is paid', async () => {
    await sluice(gateway, 'wallet', 'top-up', 'eve', '0.1');
    const body = chat('tall-tales', { max_tokens: 20 });
    assert.equal((await crowd(gateway, 'payer', 1, body))[0].status, 200);
    const debt = nanos('0.1') - costOf(price, 8, 500);
    assert.ok(debt < 0);
    assert.equal(gateway.books.balance('eve'), debt);
    const wallet = await sluiceJson(gateway, 'wallet', 'show', 'eve');
    assert.equal(nanos(wallet.available), debt);
    assertOutOfQuota((await crowd(gateway, 'payer', 1, body))[0]);
    await sluice(gateway, 'wallet', 'top-up', 'eve', '0.4');
    assertOutOfQuota((await crowd(gateway, 'payer', 1, body))[0]);
    await sluice(gateway, 'wallet', 'top-up', 'eve', '1');
    assert.equal((await crowd(gateway, 'payer', 1, body))[0].status, 200);
    gateway.books.check();
  });
});

describe('a wallet', async () => {
  const price = { input: '1000', output: '3000' };
  const models = [
    { name: 'mock-c3000-i1', ...price },
    { name: 'mock-c20000-f50', ...price, max_output: 20_000 },
    { name: 'mock-c100', ...price },
  ];
  const gateway = await gatewayWith(
    [
      keyOf('ann', { user: 'ann' }),
      keyOf('bea', { user: 'bea' }),
      keyOf('cat', { user: 'cat' }),
      keyOf('dan', { user: 'dan', quota_tokens: 300 }),
    ],
    { models },
  );
  await Promise.all(
    [
      ['ann', '20'],
      ['bea', '20'],
      ['cat', '0.5'],
      ['dan', '20'],
    ].map(([user, amount]) => sluice(gateway, 'wallet', 'top-up', user, amount)),
  );
  const event = costOf(price, 0, 1);

  test('is never overdrawn by a thousand streams, and used to its last event', async () => {
    const answers = await crowd(
      gateway,
      'ann',
      kCalls,
      chat('mock-c3000-i1', { stream: true }),
    );
    const cost = answers
      .filter(({ output }) => output > 0)
      .reduce((sum, { output }) => sum + costOf(price, kPrompt.openai, output), 0);
    const left = gateway.books.balance('ann');
    assert.equal(left, nanos('20') - cost);
    assert.ok(left >= 0, `${left} nano-USD are left`);
    // What is left does not pay for another call, or another event of one.
    const next = (await crowd(gateway, 'ann', 1, chat('mock-c3000-i1', { stream: true })))[0];
    assertOutOfQuota(next);
    assert.ok(left < costOf(price, kPrompt.openai, 1), `${left} nano-USD are left`);
    gateway.books.check();
  });

  test('is never overdrawn by a thousand calls that are not streamed', async () => {
    const answers = await crowd(gateway, 'bea', kCalls, chat('mock-c20000-f50'));
    for (let rest = 1; rest > 0; ) {
      const more = await crowd(gateway, 'bea', 20, chat('mock-c20000-f50'));
      answers.push(...more);
      rest = more.filter(({ status }) => status === 200).length;
    }
    const cost = answers
      .filter(({ status }) => status === 200)
      .reduce((sum, { output }) => sum + costOf(price, kPrompt.openai, output), 0);
    const left = gateway.books.balance('bea');
    assert.equal(left, nanos('20') - cost);
    assert.ok(left >= 0 && left < costOf(price, kPrompt.openai, 1), `${left} nano-USD are left`);
    gateway.books.check();
  });

  test('pays for exactly what fits, and again after a top-up', async () => {
    const [cut] = await crowd(gateway, 'cat', 1, chat('mock-c3000-i1', { stream: true }));
    assert.equal(cut.error.code, 'budget_exhausted');
    const paid = Math.floor((nanos('0.5') - costOf(price, kPrompt.openai, 0)) / event);
    assert.equal(cut.output, paid);
    assertOutOfQuota((await crowd(gateway, 'cat', 1, chat('mock-c100')))[0]);
    await sluice(gateway, 'wallet', 'top-up', 'cat', '1');
    const [whole] = await crowd(gateway, 'cat', 1, chat('mock-c100'));
    assert.equal(whole.output, 100);
    const wallet = await sluiceJson(gateway, 'wallet', 'show', 'cat');
    assert.equal(nanos(wallet.balance), gateway.books.balance('cat'));
    assert.equal(wallet.held, '0');
  });

  test('and a quota both count: the smaller one ends the stream', async () => {
    const [cut] = await crowd(gateway, 'dan', 1, chat('mock-c3000-i1', { stream: true }));
    assert.equal(cut.output, 300 - kPrompt.openai);
    assert.equal(gateway.books.key('dan').left, 0);
    assert.equal(
      gateway.books.balance('dan'),
      nanos('20') - costOf(price, kPrompt.openai, cut.output),
    );
  });

  test('that is in debt lets no call in', async () => {
    await sluice(gateway, 'wallet', 'adjust', 'cat', '-5', '--reason', 'chargeback');
    assert.ok(gateway.books.balance('cat') < 0);
    assertOutOfQuota((await crowd(gateway, 'cat', 1, chat('mock-c100')))[0]);
    assert.equal((await sluiceJson(gateway, 'wallet', 'verify')).equal, true);
  });
});
