// Which upstream answers, with which key, and who answers when it does not.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { all, anthropic, chat, message, openai, refusal } from '../harness/clients.mjs';
import { configFor, kClientKey, startGateway } from '../harness/gateway.mjs';
import { header, startMock } from '../harness/mock.mjs';
import { an, json, oa, startUpstream } from '../harness/upstream.mjs';

/// A provider whose answers say its name.
function provider(name, url, more = {}) {
  const base_url = more.type === 'anthropic' ? url : `${url}/v1`;
  return { name, type: 'openai', base_url, api_keys: [`sk-of-${name}`], ...more };
}

async function answered(gateway, model, route = '/v1/chat/completions') {
  const body = route === '/v1/messages' ? message(model) : chat(model);
  const answer = await gateway.post(route, body);
  const text = await answer.text();
  const { headers } = answer;
  return {
    status: answer.status,
    text,
    provider: headers.get('x-sluice-provider'),
    model: headers.get('x-sluice-model'),
    attempts: Number(headers.get('x-sluice-attempts')),
  };
}

describe('the target of a request', async () => {
  const mock = await startMock();
  const gateway = await startGateway(
    configFor(mock.url, {
      providers: [
        provider('first', mock.url, { default: true }),
        provider('second', mock.url),
        provider('list', mock.url, { models: ['listed-model'] }),
        provider('off', mock.url, { enabled: false }),
        provider('claude', mock.url, { type: 'anthropic', default: true }),
      ],
      routing: {
        rules: [
          { type: 'prefix', pattern: 'mock-c*', target: 'second' },
          { type: 'prefix', pattern: 'mock-c11', target: 'first' },
          { type: 'exact', pattern: 'mock-c3', target: 'first' },
          { type: 'exact', pattern: 'mock-c4', target: 'first' },
          { type: 'prefix', pattern: 'mock-c4', target: 'second', priority: 5 },
          { type: 'exact', pattern: 'fast', target: 'second', model: 'mock-c2' },
          { type: 'prefix', pattern: 'fast-', target: 'claude', model: 'mock-c2' },
          { type: 'exact', pattern: 'gone', target: 'off' },
        ],
      },
    }),
  );

  const cases = [
    ['mock-c5', '/v1/chat/completions', 'second', 'mock-c5', 'a prefix rule'],
    ['mock-c3', '/v1/chat/completions', 'first', 'mock-c3', 'an exact rule before a prefix'],
    ['mock-c11-b2', '/v1/chat/completions', 'first', 'mock-c11-b2', 'the longest prefix'],
    ['mock-c4', '/v1/chat/completions', 'second', 'mock-c4', 'the higher priority'],
    ['fast', '/v1/chat/completions', 'second', 'mock-c2', 'a rule that renames'],
    ['fast-1', '/v1/messages', 'claude', 'mock-c2', 'a rule that renames, by prefix'],
    ['listed-model', '/v1/chat/completions', 'list', 'listed-model', 'a model list'],
    ['gpt-4o', '/v1/chat/completions', 'first', 'gpt-4o', "the model's name"],
    ['claude-haiku-4-5', '/v1/messages', 'claude', 'claude-haiku-4-5', "the model's name"],
    ['whatever', '/v1/chat/completions', 'first', 'whatever', 'the default of the dialect'],
    ['whatever', '/v1/messages', 'claude', 'whatever', 'the default of the dialect'],
    ['gone', '/v1/chat/completions', 'first', 'gone', 'another one where the target is disabled'],
  ];
  for (const [asked, route, name, model, why] of cases) {
    test(`${asked} goes to ${name} by ${why}`, async () => {
      const got = await answered(gateway, asked, route);
      assert.equal(got.status, 200, got.text);
      assert.equal(got.provider, name);
      assert.equal(got.model, model);
    });
  }

  test('a renamed model is found in the list of models', async () => {
    const ids = (await all(await openai(gateway).models.list())).map((each) => each.id);
    for (const id of ['fast', 'listed-model', 'mock-c3']) assert.ok(ids.includes(id), id);
    assert.ok(!ids.includes('gone'));
  });
});

test('a model that nobody serves is a 404 in either dialect', async () => {
  const mock = await startMock();
  const gateway = await startGateway(
    configFor(mock.url, { providers: [provider('list', mock.url, { models: ['only-this'] })] }),
  );
  const chatError = await refusal(openai(gateway).chat.completions.create(chat('other')));
  assert.equal(chatError.status, 404);
  assert.equal(chatError.code, 'model_not_found');
  assert.equal(chatError.param, 'model');
  const messageError = await refusal(anthropic(gateway).messages.create(message('other')));
  assert.equal(messageError.status, 404);
  assert.equal(messageError.error.error.type, 'not_found_error');
  assert.equal((await mock.stats()).requests, 0);
});

describe('fallbacks', { concurrency: 4 }, async () => {
  const upstreams = { a: await startUpstream(), b: await startUpstream() };
  const timeouts = { connect: '1s', first_token: '800ms', between_tokens: '800ms', total: '5s' };
  const config = configFor('http://127.0.0.1:1', {
    providers: [
      provider('a', upstreams.a.url, { default: true, timeouts }),
      provider('b', upstreams.b.url),
      provider('nowhere', 'http://127.0.0.1:1'),
      provider('claude', upstreams.a.url, { type: 'anthropic', default: true }),
    ],
    routing: {
      rules: [{ type: 'prefix', pattern: 'nowhere-', target: 'nowhere' }],
      fallbacks: [
        { from: 'a', to: [{ target: 'b', model: 'fallback-model' }] },
        { from: 'claude', to: ['b'] },
        { from: 'nowhere', to: ['b'] },
      ],
    },
  });
  // Two, as each grants only so many retries in ten seconds.
  const gateway = await startGateway(config);
  const other = await startGateway(config);
  const good = ({ socket }) => socket.write(json(200, oa.whole('from b')));
  const status =
    (code) =>
    ({ socket }) =>
      socket.write(json(code, { error: { message: 'no', type: 'no', code: null } }));
  const tooLong = {
    error: {
      message: "This model's maximum context length is 10 tokens.",
      type: 'invalid_request_error',
      code: 'context_length_exceeded',
    },
  };
  const faults = [
    ['503', status(503), 2],
    ['500', status(500), 2],
    ['429', status(429), 2],
    ['reset', ({ socket }) => socket.resetAndDestroy(), undefined],
    ['silence', () => {}, 1],
    ['context', ({ socket }) => socket.write(json(400, tooLong)), 1],
  ];
  for (const [name, fault, tries] of faults) {
    test(`answer after ${name}, under the name that they know the model by`, async () => {
      const model = upstreams.a.on(`after-${name}`, fault);
      upstreams.b.on('fallback-model', good);
      const got = await answered(gateway, model);
      assert.equal(got.status, 200, got.text);
      assert.equal(got.provider, 'b');
      assert.equal(got.model, 'fallback-model');
      assert.match(got.text, /from b/);
      if (tries) {
        assert.equal(upstreams.a.of(model).length, tries);
        assert.equal(got.attempts, tries + 1);
      }
    });
  }

  test('answer where nothing listens', async () => {
    upstreams.b.on('nowhere-1', good);
    const got = await answered(other, 'nowhere-1');
    assert.equal(got.provider, 'b');
    assert.equal(got.attempts, 2);
  });

  test('are not asked about what the client did wrong', async () => {
    const model = upstreams.a.on('wrong', status(422));
    const asked = upstreams.b.seen.length;
    assert.equal((await answered(other, model)).status, 422);
    assert.equal(upstreams.a.of(model).length, 1);
    assert.equal(upstreams.b.seen.filter((each) => each.model === model).length, 0);
    assert.ok(upstreams.b.seen.length >= asked);
  });

  test("that fail, too, leave the last one's error", async () => {
    const model = upstreams.a.on('both', status(503));
    upstreams.b.on('fallback-model-2', good);
    const failing = await startUpstream();
    const pair = await startGateway(
      configFor('http://127.0.0.1:1', {
        providers: [provider('a', upstreams.a.url, { default: true }), provider('c', failing.url)],
        routing: { fallbacks: [{ from: 'a', to: ['c'] }] },
      }),
    );
    failing.on(model, status(429));
    const got = await answered(pair, model);
    assert.equal(got.status, 429);
    assert.equal(got.provider, 'c');
    assert.equal(JSON.parse(got.text).error.code, 'upstream_rate_limited');
  });

  test('of another dialect answer too', async () => {
    const model = upstreams.a.on('message-1', ({ socket }) => socket.write(json(529, an.error({}))));
    upstreams.b.on(model, good);
    const got = await answered(other, model, '/v1/messages');
    assert.equal(got.provider, 'b');
    assert.equal(got.status, 200);
    assert.equal(JSON.parse(got.text).type, 'message');
  });
});

describe('several keys of a provider', async () => {
  const keys = ['sk-upstream-one', 'sk-upstream-two', 'sk-upstream-three'];
  const start = async (upstream, more) =>
    startGateway(
      configFor(upstream.url, {
        routing: { affinity: 'spread', retry: { budget: 1, backoff: '10ms' } },
        ...more,
        providers: [provider('many', upstream.url, { default: true, api_keys: keys })],
      }),
    );

  test('are used in turn where conversations need not stay together', async () => {
    const mock = await startMock();
    const gateway = await start(mock);
    for (let i = 0; i < 6; ++i) assert.equal((await answered(gateway, 'mock-c1')).status, 200);
    const used = (await mock.requestsFor('mock-c1')).map((sent) => header(sent, 'authorization'));
    for (const key of keys) {
      assert.equal(used.filter((each) => each === `Bearer ${key}`).length, 2, used.join());
    }
  });

  test('rest after a 429, as long as it says', async () => {
    const upstream = await startUpstream();
    const limited = `Bearer ${keys[0]}`;
    const model = upstream.on('limited', ({ socket, request }) => {
      const refused = request.headers.authorization === limited;
      const error = {
        error: { message: 'slow down', type: 'requests', code: 'rate_limit_exceeded' },
      };
      socket.write(refused ? json(429, error, { 'retry-after': '30' }) : json(200, oa.whole('x')));
    });
    const gateway = await start(upstream);
    for (let i = 0; i < 8; ++i) assert.equal((await answered(gateway, model)).status, 200);
    const used = upstream.of(model).map((sent) => sent.headers.authorization);
    assert.equal(used.filter((each) => each === limited).length, 1, used.join());
    assert.equal(used.length, 9);
  });

  test('that are refused are left out, and the log names them by their first letters', async () => {
    const upstream = await startUpstream();
    const refused = `Bearer ${keys[1]}`;
    const model = upstream.on('refused', ({ socket, request }) => {
      const bad = request.headers.authorization === refused;
      socket.write(
        bad
          ? json(401, { error: { message: 'no', type: 'x', code: null } })
          : json(200, oa.whole('x')),
      );
    });
    const gateway = await start(upstream);
    for (let i = 0; i < 8; ++i) assert.equal((await answered(gateway, model)).status, 200);
    const used = upstream.of(model).map((sent) => sent.headers.authorization);
    assert.equal(used.filter((each) => each === refused).length, 1, used.join());
    const line = await gateway.stdout.first(/refused the gateway's credential/);
    assert.ok(line.includes('sk-ups'));
    assert.ok(!line.includes(keys[1]));
  });
});

test("headers of the provider are added, and replace the client's", async () => {
  const mock = await startMock();
  const gateway = await startGateway(
    configFor(mock.url, {
      providers: [
        provider('a', mock.url, {
          default: true,
          headers: { 'x-team': 'blue', 'user-agent': 'gw' },
        }),
      ],
    }),
  );
  const headers = {
    'x-team': 'red',
    'user-agent': 'client',
    authorization: `Bearer ${kClientKey}`,
  };
  await (await gateway.post('/v1/chat/completions', chat('mock-c1'), headers)).text();
  const [sent] = await mock.requestsFor('mock-c1');
  assert.equal(header(sent, 'x-team'), 'blue');
  assert.equal(header(sent, 'user-agent'), 'gw');
});
