// What a key may do in a minute and at the same time, and how it is told in both dialects.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { anthropic, chat, message, openai, refusal } from '../harness/clients.mjs';
import { configFor, startGateway } from '../harness/gateway.mjs';
import { Books, call, kPrompt, sluice, sluiceJson } from '../harness/metering.mjs';
import { startMock } from '../harness/mock.mjs';
import { until } from '../harness/until.mjs';

const mock = await startMock();
const keyOf = (name, more = {}) => ({ key: `sk-${name}-0123456789`, name, ...more });
const gateway = await startGateway(
  configFor(mock.url, {
    keys: [
      keyOf('rpm', { rpm: 3 }),
      keyOf('rpm-sdk', { rpm: 1 }),
      keyOf('rpm-an', { rpm: 1 }),
      keyOf('tpm', { tpm: 200 }),
      keyOf('parallel', { max_parallel: 2 }),
      keyOf('all', { rpm: 1000, tpm: 1_000_000, max_parallel: 100, quota_tokens: 10_000 }),
      keyOf('count0', { rpm: 2, quota_tokens: 1 }),
      keyOf('count1', { rpm: 2, quota_tokens: 1 }),
      keyOf('free'),
    ],
  }),
);
const books = new Books(gateway.folder);
const ask = (name, more = {}) =>
  call(gateway, { key: `sk-${name}-0123456789`, body: chat('mock-c5'), ...more });
const asMessage = { route: '/v1/messages', body: message('mock-c5') };

function assertLimited(answer, most = 60) {
  assert.equal(answer.status, 429);
  assert.equal(answer.error.type, 'rate_limit_error');
  assert.equal(answer.error.code, 'rate_limit_exceeded');
  assertWait(answer, most);
}

function assertWait(answer, most) {
  const wait = Number(answer.headers['retry-after']);
  assert.ok(Number.isInteger(wait) && wait >= 1 && wait <= most, answer.headers['retry-after']);
  assert.notEqual(answer.headers['x-should-retry'], 'false');
}

/// "1m0.5s" as seconds.
function seconds(text) {
  const [, h = 0, m = 0, s = 0, ms = 0] =
    /^(?:(\d+)h)?(?:(\d+)m(?!s))?(?:([\d.]+)s)?(?:(\d+)ms)?$/.exec(text);
  return Number(h) * 3600 + Number(m) * 60 + Number(s) + Number(ms) / 1000;
}

describe('requests a minute', () => {
  test('are counted down in the headers, and then refused with a time to come back', async () => {
    for (const left of ['2', '1', '0']) {
      const { status, headers } = await ask('rpm');
      assert.equal(status, 200);
      assert.equal(headers['x-ratelimit-limit-requests'], '3');
      assert.equal(headers['x-ratelimit-remaining-requests'], left);
      const reset = seconds(headers['x-ratelimit-reset-requests']);
      assert.ok(reset > 0 && reset <= 60, headers['x-ratelimit-reset-requests']);
      // The key has no limit of this kind, and the upstream's tells of others.
      assert.equal(headers['x-ratelimit-limit-tokens'], undefined);
    }
    const before = (await mock.stats()).requests;
    const refused = await ask('rpm');
    // A request is free again every 20 seconds.
    assertLimited(refused, 20);
    assert.equal(refused.headers['x-ratelimit-remaining-requests'], '0');
    const other = await ask('rpm', asMessage);
    assert.equal(other.status, 429);
    assert.equal(other.json.type, 'error');
    assert.equal(other.error.type, 'rate_limit_error');
    assertWait(other, 20);
    assert.equal((await ask('rpm', { body: chat('mock-c5', { stream: true }) })).status, 429);
    assert.equal((await mock.stats()).requests, before, 'an upstream was asked');
  });

  test('are known to the official clients', async () => {
    const oa = openai(gateway, { apiKey: 'sk-rpm-sdk-0123456789' });
    await oa.chat.completions.create(chat('mock-c1'));
    const failed = await refusal(oa.chat.completions.create(chat('mock-c1')));
    assert.equal(failed.constructor.name, 'RateLimitError');
    assert.equal(failed.code, 'rate_limit_exceeded');
    const an = anthropic(gateway, { apiKey: 'sk-rpm-an-0123456789' });
    await an.messages.create(message('mock-c1'));
    const cut = await refusal(an.messages.create(message('mock-c1')));
    assert.equal(cut.constructor.name, 'RateLimitError');
    assert.equal(cut.error.error.type, 'rate_limit_error');
  });

  test('of the whole gateway are shared by all keys, and what is refused for its own key is not one', async () => {
    const crowded = await startGateway(
      configFor(mock.url, {
        keys: [keyOf('one', { rpm: 1 }), keyOf('two', { rpm: 1000 }), keyOf('three', { rpm: 1000 })],
        limiter: { enabled: true, default_rate: 0.1, max_rate: 3.1 },
      }),
    );
    const send = (name, more = {}) =>
      call(crowded, { key: `sk-${name}-0123456789`, body: chat('mock-c5'), ...more });
    assert.equal((await send('one')).status, 200);
    for (let i = 0; i < 5; ++i) assertLimited(await send('one'), 60);
    assert.equal((await send('two')).status, 200);
    assert.equal((await send('three')).status, 200);
    assertLimited(await send('two'), 10);
    const count = { route: '/v1/messages/count_tokens', body: message('mock-c5') };
    assert.equal((await send('three', count)).status, 429);
  });

  test('of keys without their own are those of the limiter', async () => {
    const limited = await startGateway(
      configFor(mock.url, {
        keys: [keyOf('plain'), keyOf('own', { rpm: 100 })],
        limiter: { enabled: true, requests_per_minute: 6, burst: 2 },
      }),
    );
    const send = (name) => call(limited, { key: `sk-${name}-0123456789`, body: chat('mock-c1') });
    const statuses = [];
    for (let i = 0; i < 4; ++i) statuses.push((await send('plain')).status);
    assert.deepEqual(statuses, [200, 200, 429, 429]);
    assertLimited(await send('plain'), 10);
    for (let i = 0; i < 8; ++i) assert.equal((await send('own')).status, 200);
  });
});

describe('tokens a minute', () => {
  test('count what was really used, and refuse while there are none', async () => {
    const first = await ask('tpm', { body: chat('mock-c100') });
    assert.equal(first.status, 200);
    assert.equal(first.headers['x-ratelimit-limit-tokens'], '200');
    const second = await ask('tpm', { body: chat('mock-c150') });
    assert.equal(second.status, 200);
    assert.ok(Number(second.headers['x-ratelimit-remaining-tokens']) < 200 - 100);
    const refused = await ask('tpm');
    assertLimited(refused);
    assert.equal(refused.headers['x-ratelimit-remaining-tokens'], '0');
    assert.ok(seconds(refused.headers['x-ratelimit-reset-tokens']) > 60 * (108 + 158) / 200 - 10);
    const other = await ask('tpm', asMessage);
    assert.equal(other.error.type, 'rate_limit_error');
    assertWait(other, 60);
  });
});

describe('counting tokens', () => {
  const routes = [
    { route: '/v1/messages/count_tokens', body: message('mock-c5') },
    { route: '/v1/responses/input_tokens', body: { model: 'mock-c5', input: 'Hello' } },
  ];
  test('counts against the requests a minute, and nothing else', async () => {
    for (const [i, more] of routes.entries()) {
      const name = `count${i}`;
      for (const left of ['1', '0']) {
        const { status, headers } = await ask(name, more);
        assert.equal(status, 200);
        assert.equal(headers['x-ratelimit-remaining-requests'], left);
        assert.equal(headers['x-ratelimit-limit-tokens'], undefined);
        assert.equal(headers['anthropic-ratelimit-tokens-limit'], undefined);
      }
      const refused = await ask(name, more);
      assert.equal(refused.status, 429);
      assert.equal(refused.error.type, 'rate_limit_error');
      assertWait(refused, 30);
      assert.equal((await ask(name)).status, 429, 'inference has a rate of its own');
      assert.equal(books.key(name).used_tokens, 0);
    }
  });
});

describe('parallel calls', () => {
  test('beyond the limit are refused at once, and let in when one ends', async () => {
    const model = 'mock-c100000-i20';
    const gone = new AbortController();
    const held = [0, 1].map(async () => {
      const answer = await gateway.post(
        '/v1/chat/completions',
        chat(model, { stream: true }),
        { authorization: 'Bearer sk-parallel-0123456789' },
        { signal: gone.signal },
      );
      return answer.text().catch(({ name }) => name);
    });
    await mock.countsOf(model, { requests: 2 });
    assertLimited(await ask('parallel'), 5);
    const other = await ask('parallel', asMessage);
    assert.equal(other.error.type, 'rate_limit_error');
    assertWait(other, 5);
    gone.abort();
    assert.deepEqual(await Promise.all(held), ['AbortError', 'AbortError']);
    await until('a place to be free', async () => {
      const { status } = await ask('parallel');
      return { done: status === 200, value: status };
    });
    const crowd = await Promise.all(
      Array.from({ length: 50 }, () => ask('parallel', { body: chat('mock-c1-f1500') })),
    );
    assert.equal(crowd.filter(({ status }) => status === 200).length, 2);
  });

  test('that fail give their places back', async () => {
    for (const model of ['mock-e500', 'mock-x0', 'mock-c5-x2', 'mock-e400']) {
      for (let i = 0; i < 3; ++i) {
        const { status } = await ask('parallel', { body: chat(model, { stream: i > 0 }) });
        assert.notEqual(status, 429, model);
      }
    }
  });
});

describe('limits together', () => {
  test('are told in every answer, and only there', async () => {
    for (const more of [{}, asMessage, { body: chat('mock-c5', { stream: true }) }]) {
      const { headers } = await ask('all', more);
      for (const what of ['requests', 'tokens']) {
        for (const part of ['limit', 'remaining', 'reset']) {
          assert.ok(headers[`x-ratelimit-${part}-${what}`], `${part} ${what}`);
        }
      }
      const free = await ask('free', more);
      const names = Object.keys(free.headers).filter((name) => name.startsWith('x-ratelimit-'));
      // What the upstream says of its own limits is all there is.
      assert.ok(names.every((name) => Number.parseInt(free.headers[name], 10) !== 1000));
    }
  });

  test('change with a reload, and what was used stays used', async () => {
    const config = (more) => configFor(mock.url, { keys: [keyOf('changed', more)] });
    const own = await startGateway(config({ rpm: 2 }));
    const send = () => call(own, { key: 'sk-changed-0123456789', body: chat('mock-c1') });
    await send();
    await send();
    assert.equal((await send()).status, 429);
    assert.ok(await own.reload(config({})));
    assert.equal((await send()).status, 200);
    assert.ok(await own.reload(config({ max_parallel: 1 })));
    const two = await Promise.all([0, 1, 2].map(() =>
      call(own, { key: 'sk-changed-0123456789', body: chat('mock-c1-f1000') }),
    ));
    assert.equal(two.filter(({ status }) => status === 200).length, 1);
  });
});

/// Waits until every event loop knows a new key, whichever a call may come to.
const known = (send) =>
  until('the key to be known', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, send));
    return { done: answers.every(({ status }) => status !== 401) };
  });

describe('keys of the database', () => {
  test('have limits and quotas of their own beside configured ones', async () => {
    const text = await sluice(
      ...[gateway, 'key', 'create', 'made', '--user', 'zoe', '--rpm', '5'],
      ...['--quota-tokens', '40', '--models', 'mock-c5,mock-c50'],
    );
    const key = text.trim();
    const send = (model, more) => call(gateway, { key, body: chat(model), ...more });
    await known(() => send('mock-c6'));
    // Nobody has paid anything in for zoe yet, and the model has no price.
    const first = await send('mock-c5');
    assert.equal(first.status, 200);
    assert.equal(first.headers['x-ratelimit-limit-requests'], '5');
    const cut = await send('mock-c50');
    assert.equal(cut.finish, 'length');
    assert.equal(cut.output, 40 - 2 * kPrompt.openai - 5);
    const spent = await send('mock-c5');
    assert.equal(spent.error.code, 'insufficient_quota');
    assert.equal(books.key('made').left, 0);
    const { data } = await sluiceJson(gateway, 'key', 'list');
    assert.equal(data.find(({ name }) => name === 'made').user, 'zoe');
    assert.equal((await ask('free')).status, 200);
  });

  test('outlive a restart with what is left of them', async () => {
    const config = configFor(mock.url, { keys: [keyOf('free')] });
    const before = await startGateway(config);
    const key = (await sluice(before, 'key', 'create', 'kept', '--quota-tokens', '1000')).trim();
    await known(() => call(before, { key, body: chat('mock-c1') }));
    const { left } = new Books(before.folder).key('kept');
    await before.stop();
    const after = await startGateway(config, { folder: before.folder });
    const answer = await call(after, { key, body: chat('mock-c5000') });
    assert.equal(answer.output, left - kPrompt.openai);
    assert.equal(new Books(after.folder).key('kept').left, 0);
  });
});
