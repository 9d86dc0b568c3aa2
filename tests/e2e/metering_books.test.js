// The books say what happened: every request once, to the token, whatever its end was.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { chat, message } from '../harness/clients.mjs';
import { configFor, startGateway } from '../harness/gateway.mjs';
import {
  Books,
  call,
  costOf,
  kPrompt,
  nanos,
  sluice,
  sluiceJson,
} from '../harness/metering.mjs';
import { startMock } from '../harness/mock.mjs';
import { checkTraffic, kPricedModels, kPrice, randomTraffic } from '../harness/traffic.mjs';
import { until } from '../harness/until.mjs';

const mock = await startMock();
const key = 'sk-books-0123456789';

async function gatewayWith(changes = {}) {
  const config = configFor(mock.url, {
    keys: [{ key, name: 'books', user: 'ann', quota_tokens: 1_000_000_000 }],
    models: kPricedModels,
    ...changes,
  });
  for (const provider of config.providers) provider.timeouts = { between_tokens: '400ms' };
  const gateway = await startGateway(config);
  gateway.books = new Books(gateway.folder);
  await sluice(gateway, 'wallet', 'top-up', 'ann', '1000');
  return gateway;
}

test('400 requests that finish, fail, stall, break and are left add up to the token', async () => {
  const gateway = await gatewayWith();
  const seed = Number(process.env.SEED ?? 20261121);
  const done = await randomTraffic(gateway, { count: 400, parallel: 40, key, seed });
  const seen = await checkTraffic(done, gateway.books, mock);
  for (const [end, count] of Object.entries(seen)) assert.ok(count > 10, `${end}: ${count}`);
  gateway.books.check();
  const spent = gateway.books.usage().reduce((sum, { cost }) => sum + cost, 0);
  assert.ok(spent > 0);
  assert.equal(gateway.books.balance('ann'), nanos('1000') - spent);
  assert.deepEqual(await sluiceJson(gateway, 'wallet', 'verify'), { equal: true, differences: [] });
  // Everything that was leased has come back.
  const wallet = await sluiceJson(gateway, 'wallet', 'show', 'ann');
  assert.equal(wallet.held, '0');
  assert.equal(nanos(wallet.available), nanos('1000') - spent);
});

describe('a row', async () => {
  const gateway = await gatewayWith({
    models: [
      { name: 'mock-c40', ...kPrice },
      { name: 'mock-c800-i5', ...kPrice },
    ],
  });
  const { books } = gateway;

  test('holds what was asked, what came of it, and what it cost', async () => {
    const answer = await call(gateway, { key, id: 'whole', body: chat('mock-c40') });
    assert.equal(answer.status, 200);
    const [row] = books.rowsOf('whole');
    const expected = {
      key_name: 'books',
      dialect: 'openai',
      requested_model: 'mock-c40',
      upstream_model: 'mock-c40',
      provider: 'oa',
      attempts: 1,
      input_tokens: kPrompt.openai,
      output_tokens: 40,
      counted_output: 40,
      reported_output: 40,
      basis: 'reported',
      cost: costOf(kPrice, kPrompt.openai, 40),
      outcome: 'finished',
      status: 200,
      stream: 0,
    };
    for (const [name, value] of Object.entries(expected)) assert.equal(row[name], value, name);
    const entry = books.one('SELECT * FROM wallet_transactions WHERE reference = ?', row.id);
    assert.equal(entry.kind, 'charge');
    assert.equal(entry.amount, -row.cost);
    assert.ok(!JSON.stringify(row).includes('Hello'), 'the prompt is in the books');
  });

  test('is durable before the client sees the end', async () => {
    for (let i = 0; i < 20; ++i) {
      const stream = i % 2 === 0;
      await call(gateway, { key, id: `durable-${i}`, body: chat('mock-c40', { stream }) });
      assert.equal(books.rowsOf(`durable-${i}`).length, 1, `call ${i}`);
    }
  });

  test('is one for each call, although a client repeats its x-request-id', async () => {
    const before = books.balance('ann');
    for (let i = 0; i < 5; ++i) {
      await call(gateway, { key, id: 'again', body: chat('mock-c40', { stream: i % 2 > 0 }) });
    }
    const rows = books.rowsOf('again');
    assert.equal(rows.length, 5);
    assert.equal(new Set(rows.map(({ id }) => id)).size, 5);
    assert.equal(before - books.balance('ann'), 5 * costOf(kPrice, kPrompt.openai, 40));
  });

  test('has its line in the log, with tokens, basis and cost', async () => {
    await call(gateway, { key, id: 'line', body: message('mock-c40'), route: '/v1/messages' });
    const line = await gateway.requestLine({ request_id: 'line' });
    assert.equal(line.tokens_in, kPrompt.anthropic);
    assert.equal(line.tokens_out, 40);
    assert.equal(line.basis, 'reported');
    assert.equal(nanos(String(line.cost)), costOf(kPrice, kPrompt.anthropic, 40));
  });

  test('grows on the live board before it is written', async () => {
    const running = call(gateway, {
      ...{ key, id: 'live', body: chat('mock-c800-i5', { stream: true }) },
    });
    const look = async () => {
      const { running: all } = await (await gateway.get('/api/live')).json();
      return all.find(({ id }) => id === 'live');
    };
    const grown = (from) =>
      until('tokens on the live board', async () => {
        const now = await look();
        return { done: now?.tokens_out > from && nanos(now.cost) > 0, value: now };
      });
    const first = await grown(20);
    const later = await grown(first.tokens_out + 50);
    assert.ok(nanos(later.cost) > nanos(first.cost));
    assert.ok(nanos(later.cost) <= costOf(kPrice, 60, later.tokens_out));
    assert.equal(books.rowsOf('live').length, 0);
    assert.equal((await running).output, 800);
    assert.equal(books.rowsOf('live')[0].output_tokens, 800);
  });
});

describe('a client that leaves', () => {
  const slow = 'mock-c60-i5';
  const models = [{ name: slow, ...kPrice }];
  for (const stream of [true, false]) {
    test(`pays for the whole ${stream ? 'stream' : 'answer'} with on_disconnect: drain`, async () => {
      const gateway = await gatewayWith({ models, routing: { on_disconnect: 'drain' } });
      const ask = { key, id: 'drained', body: chat(slow, { stream }) };
      if (stream) {
        const left = await call(gateway, { ...ask, abortAfter: 5 });
        assert.ok(left.aborted && left.output < 60);
      } else {
        const gone = new AbortController();
        const asked = gateway
          .post('/v1/chat/completions', ask.body, {
            authorization: `Bearer ${key}`,
            'x-request-id': 'drained',
          }, { signal: gone.signal })
          .catch((error) => error.name);
        await until('the upstream to be asked', async () => {
          const { active } = await mock.stats();
          return { done: active > 0, value: active };
        });
        gone.abort();
        assert.equal(await asked, 'AbortError');
      }
      const row = await gateway.books.rowOf('drained');
      assert.equal(row.output_tokens, 60);
      assert.equal(row.input_tokens, kPrompt.openai);
      assert.equal(row.basis, 'reported');
      gateway.books.check();
    });
  }

  for (const stream of [true, false]) {
    test(`pays for its prompt before the first content of ${stream ? 'a stream' : 'an answer'}`, async () => {
      const never = 'mock-c5-f600000';
      const gateway = await gatewayWith({ models: [{ name: never, ...kPrice }] });
      const gone = new AbortController();
      const asked = gateway
        .post('/v1/chat/completions', chat(never, { stream }), {
          authorization: `Bearer ${key}`,
          'x-request-id': 'early',
        }, { signal: gone.signal })
        .catch((error) => error.name);
      await mock.countsOf(never, { requests: stream ? 1 : 2 });
      gone.abort();
      assert.equal(await asked, 'AbortError');
      const row = await gateway.books.rowOf('early');
      assert.equal(row.input_tokens, kPrompt.openai);
      assert.equal(row.output_tokens, 0);
      assert.equal(row.outcome, 'client_gone');
      assert.equal(row.basis, 'counted');
      assert.equal(row.cost, costOf(kPrice, kPrompt.openai, 0));
      gateway.books.check();
    });
  }

  test('pays for what it had received otherwise', async () => {
    const gateway = await gatewayWith();
    const left = await call(gateway, {
      ...{ key, id: 'left', body: chat('mock-c5000-i5', { stream: true }), abortAfter: 5 },
    });
    const row = await gateway.books.rowOf('left');
    assert.ok(row.output_tokens >= left.output && row.output_tokens < 5000, `${row.output_tokens}`);
    assert.equal(row.outcome, 'client_gone');
    assert.notEqual(row.basis, 'reported');
  });
});

describe('prices', () => {
  test('are those in force when a request was admitted', async () => {
    const changes = (output) => ({ models: [{ name: 'mock-c40-i10', input: '1', output }] });
    const gateway = await gatewayWith(changes('10'));
    const config = (output) =>
      configFor(mock.url, {
        keys: [{ key, name: 'books', user: 'ann', quota_tokens: 1_000_000_000 }],
        ...changes(output),
      });
    const body = chat('mock-c40-i10', { stream: true });
    const running = call(gateway, { key, id: 'old price', body });
    await mock.countsOf('mock-c40-i10', { requests: 1 });
    assert.ok(await gateway.reload(config('20')));
    await running;
    await call(gateway, { key, id: 'new-price', body });
    const costs = gateway.books.usage().map(({ cost }) => cost);
    const price = (output) => costOf({ input: '1', output }, kPrompt.openai, 40);
    assert.deepEqual(costs, [price('10'), price('20')]);
    assert.ok(await gateway.reload(config('20')));
    const versions = gateway.books.all('SELECT output FROM model_rates ORDER BY id');
    assert.deepEqual(
      versions.map(({ output }) => output),
      [nanos('10'), nanos('20')],
    );
  });

  test('that are missing cost nothing, or refuse the model', async () => {
    const open = await gatewayWith({ models: [] });
    assert.equal((await call(open, { key, id: 'free', body: chat('mock-c40') })).status, 200);
    assert.equal(open.books.rowsOf('free')[0].cost, 0);
    assert.equal(open.books.rowsOf('free')[0].output_tokens, 40);

    const strict = await gatewayWith({
      models: [{ name: 'mock-c40', ...kPrice }],
      billing: { unpriced: 'refuse' },
    });
    assert.equal((await call(strict, { key, body: chat('mock-c40') })).status, 200);
    const before = (await mock.stats()).requests;
    const refused = await call(strict, { key, body: chat('mock-c41') });
    assert.ok(refused.status >= 400 && refused.status < 500, `${refused.status}`);
    assert.ok(refused.error.code);
    const other = await call(strict, { key, body: message('mock-c41'), route: '/v1/messages' });
    assert.equal(other.status, refused.status);
    assert.equal((await mock.stats()).requests, before);
  });
});
