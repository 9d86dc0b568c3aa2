// Quotas of every size under answers of every kind, other routes that pay, and a gateway that ends.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { chat, kHello, message } from '../harness/clients.mjs';
import { configFor, startGateway } from '../harness/gateway.mjs';
import { Books, call, costOf, endings, kPrompt, nanos, sluice } from '../harness/metering.mjs';
import { startMock } from '../harness/mock.mjs';
import { until } from '../harness/until.mjs';

const mock = await startMock();
const keyOf = (name, more = {}) => ({ key: `sk-${name}-0123456789`, name, ...more });

async function gatewayWith(changes) {
  const gateway = await startGateway(configFor(mock.url, changes));
  gateway.books = new Books(gateway.folder);
  return gateway;
}

/// Tokens of the first event that has any: a word or more, or the name of a call.
const firstEvent = (model) => (model === 'mock-t' ? 2 : Number(/-b(\d+)/.exec(model)?.[1] ?? 1));

describe('a quota of any size', async () => {
  const kSizes = [1, 7, 8, 9, 10, 15, 24, 25, 30, 31, 47, 64, 100, 263, 264, 265, 300];
  const kModels = ['mock-c400', 'mock-c60-b7', 'mock-t', 'mock-c9-k-t', 'mock-c50-b3-k-u0'];
  const kKinds = {
    stream: (model) => ({ body: chat(model, { stream: true }) }),
    whole: (model) => ({ body: chat(model) }),
    choices: (model) => ({ body: chat(model, { n: 3, stream: true }) }),
    messages: (model) => ({
      route: '/v1/messages',
      body: message(model, { stream: true, max_tokens: 900 }),
    }),
    message: (model) => ({ route: '/v1/messages', body: message(model, { max_tokens: 900 }) }),
  };
  const keys = kSizes.flatMap((size) =>
    kModels.flatMap((_, m) =>
      Object.keys(kKinds).map((kind) => keyOf(`${kind}-${m}-${size}`, { quota_tokens: size })),
    ),
  );
  const gateway = await gatewayWith({ keys });

  for (const [kind, ask] of Object.entries(kKinds)) {
    test(`is never passed, by ${kind}`, async () => {
      for (const [m, model] of kModels.entries()) {
        const answers = await Promise.all(
          kSizes.map((size) => {
            const name = `${kind}-${m}-${size}`;
            return call(gateway, { key: `sk-${name}-0123456789`, id: name, ...ask(model) });
          }),
        );
        for (const [i, size] of kSizes.entries()) {
          const name = `${kind}-${m}-${size}`;
          const answer = answers[i];
          const what = `${name} ${model}: ${answer.status} ${answer.text.slice(-300)}`;
          const { used_tokens } = gateway.books.key(name);
          assert.ok(used_tokens <= size, `${used_tokens} used: ${what}`);
          assert.equal(answer.broken, false, what);
          if (answer.status === 429) {
            assert.equal(used_tokens, 0, what);
            assert.equal(answer.headers['x-should-retry'], 'false', what);
            assert.equal(answer.headers['retry-after'], undefined, what);
          }
          if (answer.status === 200 && !/-t/.test(model) && answer.output > 0) {
            assert.equal(used_tokens, kPrompt.openai + answer.output, what);
          }
          if (answer.error?.code === 'budget_exhausted') assert.equal(answer.done, false, what);
          // A prompt and a first token are enough to be let in, for each of the choices; a stream
          // has begun only when its first event has gone out.
          const events = kind === 'stream' || kind === 'messages';
          const least = kPrompt.openai + (kind === 'choices' ? 3 : events ? firstEvent(model) : 1);
          if (size >= least) assert.equal(answer.status, 200, what);
          else assert.equal(answer.status, 429, what);
        }
      }
      gateway.books.check();
    });
  }
});

describe('other routes', async () => {
  const price = { input: '2', output: '4' };
  const gateway = await gatewayWith({
    keys: [keyOf('other', { user: 'ann', quota_tokens: 1_000_000 })],
    models: [
      { name: 'mock-c5', ...price },
      { name: 'text-embedding-3-small', ...price },
      { name: 'behind', ...price },
    ],
    routing: { rules: [{ type: 'exact', pattern: 'nickname', target: 'oa', model: 'mock-c5' }] },
  });
  await sluice(gateway, 'wallet', 'top-up', 'ann', '1');
  const key = 'sk-other-0123456789';
  const row = async (id) => {
    const rows = gateway.books.rowsOf(id);
    assert.equal(rows.length, 1);
    return rows[0];
  };

  test('pay for what their upstream reports', async () => {
    const input = ['hello', 'hello there'];
    const body = { model: 'text-embedding-3-small', input };
    await call(gateway, { key, id: 'emb', route: '/v1/embeddings', body });
    const embedding = await row('emb');
    assert.deepEqual([embedding.input_tokens, embedding.output_tokens], [3, 0]);
    assert.equal(embedding.cost, costOf(price, 3, 0));

    const text = { model: 'mock-c5', prompt: input, n: 2 };
    await call(gateway, { key, id: 'text', route: '/v1/completions', body: text });
    const completion = await row('text');
    assert.deepEqual([completion.input_tokens, completion.output_tokens], [3, 4 * 5]);
    assert.equal(completion.cost, costOf(price, 3, 20));
    gateway.books.check();
  });

  test('that only count, list or fail pay nothing', async () => {
    const before = gateway.books.balance('ann');
    const counted = await call(gateway, {
      ...{ key, route: '/v1/messages/count_tokens' },
      body: { model: 'mock-c5', messages: kHello },
    });
    assert.equal(counted.json.input_tokens, kPrompt.anthropic);
    await gateway.get('/v1/models', { authorization: `Bearer ${key}` });
    const bodies = [chat('mock-e500'), chat('mock-x0'), chat('mock-q'), { model: 'mock-c5' }];
    for (const [i, body] of bodies.entries()) {
      const failed = await call(gateway, { key, id: `failed-${i}`, body });
      assert.ok(failed.status >= 400);
      // The one without messages has asked nobody, and is in no book.
      if (!body.messages) continue;
      assert.equal((await gateway.books.rowOf(`failed-${i}`)).status, failed.status);
    }
    assert.equal(gateway.books.balance('ann'), before);
    gateway.books.check();
  });

  test('a model that goes by another name upstream has the price of that', async () => {
    await call(gateway, { key, id: 'nick', body: chat('nickname') });
    const found = await row('nick');
    assert.deepEqual([found.requested_model, found.upstream_model], ['nickname', 'mock-c5']);
    assert.equal(found.cost, costOf(price, kPrompt.openai, 5));
  });
});

describe('a gateway that is told to end', () => {
  for (const durability of ['process', 'power']) {
    test(`settles what runs (${durability})`, async () => {
      const model = 'mock-c5000-i5';
      const gateway = await gatewayWith({
        server: { drain_max: '300ms' },
        keys: [keyOf(durability, { user: 'ann' })],
        models: [{ name: model, input: '1', output: '1' }],
        ledger: { durability },
      });
      await sluice(gateway, 'wallet', 'top-up', 'ann', '10');
      const before = (await mock.stats()).models[model]?.requests ?? 0;
      const streams = Array.from({ length: 10 }, (_, i) =>
        call(gateway, {
          ...{ key: `sk-${durability}-0123456789`, id: `${durability}-${i}` },
          body: chat(model, { stream: true }),
        }),
      );
      await until('all of them to stream', async () => {
        const running = await gateway.books.one('SELECT count(*) AS n FROM open_leases');
        const { requests } = (await mock.stats()).models[model] ?? { requests: 0 };
        return { done: requests === before + 10 && running.n === 10, value: requests };
      });
      gateway.kill('SIGTERM');
      const answers = await Promise.all(streams);
      assert.deepEqual(await gateway.expectEnd(), { code: 0, signal: null });
      let spent = 0;
      for (const [i, answer] of answers.entries()) {
        assert.equal(answer.error?.code, 'server_draining');
        assert.equal(answer.done, false);
        const [row] = gateway.books.rowsOf(`${durability}-${i}`);
        assert.equal(row.outcome, 'drained');
        assert.equal(row.output_tokens, answer.output);
        assert.equal(row.input_tokens, kPrompt.openai);
        spent += row.cost;
      }
      gateway.books.check();
      assert.equal(gateway.books.balance('ann'), nanos('10') - spent);
      const sent = await endings(mock);
      for (let i = 0; i < 10; ++i) {
        assert.ok(sent.get(`${durability}-${i}`)[0].tokens_sent >= answers[i].output);
      }
    });
  }
});
