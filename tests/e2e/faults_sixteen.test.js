// The faults that upstreams are known for, each against a primary that has it and a fallback that
// has not: a full answer wherever the client has nothing yet, else a clean error in bounded time;
// what was asked again, and what it cost.
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { chat, message } from '../harness/clients.mjs';
import {
  configFor,
  kAnthropicKey,
  kClientKey,
  kOpenAiKey,
  startGateway,
} from '../harness/gateway.mjs';
import { Books, call, kPrompt } from '../harness/metering.mjs';
import { startMock } from '../harness/mock.mjs';
import { json, startUpstream } from '../harness/upstream.mjs';
import { beat } from '../harness/workers.mjs';

// Nobody waits longer than this for anything here.
const kBound = 15_000;
const kRest = 'mock-c17'; // what the fallback is asked for
const timeouts = { connect: '1s', first_token: '900ms', between_tokens: '900ms', total: '5s' };

const primary = await startMock();
const fallback = await startMock();

/// A gateway whose first target is `first` ("p1" or "workers") and the second, if any, p2. Every
/// attempt is on a connection of its own: one that was waiting may fail for being old.
async function gatewayFor({ first = 'p1', types, second = true, routing = {}, urls }) {
  const [one, two] = urls ?? [primary.url, fallback.url];
  const provider = (name, type, url) => ({
    name,
    type,
    base_url: type === 'anthropic' ? url : `${url}/v1`,
    api_keys: [type === 'anthropic' ? kAnthropicKey : kOpenAiKey],
    default: name === 'p1',
    timeouts,
    pool: { max_idle: 0 },
  });
  const gateway = await startGateway(
    configFor(one, {
      providers: [provider('p1', types[0], one), provider('p2', types[1] ?? types[0], two)],
      routing: {
        rules: [{ type: 'prefix', pattern: '*', target: first, priority: 1 }],
        fallbacks: second ? [{ from: first, to: [{ target: 'p2', model: kRest }] }] : [],
        retry: { attempts: 2, budget: 1, backoff: '20ms' },
        keep_alive: '0s',
        ...routing,
      },
      workers: { ttl: '600s', timeouts },
    }),
  );
  gateway.books = new Books(gateway.folder);
  return gateway;
}

let number = 0;
let asked = 0;

/// Asks for a model of its own with this script; says what came and who was asked how often.
async function ask(gateway, client, script, { first = 'p1', stream = true, model } = {}) {
  model ??= `mock-${script}-b${++number}`;
  if (first === 'workers') {
    // A worker of its own, so that what one test does to its breaker is no other's matter.
    const announced = await beat(gateway, {
      worker_id: `w${number}`,
      supported: [model],
      total_vram: 100,
      available_vram: 100,
      active_tasks: 0,
      max_tasks: 4,
      endpoint: primary.url,
    });
    assert.equal(announced.status, 200, await announced.text());
  }
  // What may be tried again is a share of what was asked lately.
  for (let i = 0; i < 2; ++i) {
    await (await gateway.post('/v1/chat/completions', chat('mock-c1'))).text();
  }
  const before = (await fallback.stats()).requests;
  const id = `fault-${++asked}`;
  const begun = performance.now();
  const got = await call(gateway, {
    key: kClientKey,
    route: client === 'openai' ? '/v1/chat/completions' : '/v1/messages',
    body: (client === 'openai' ? chat : message)(model, { stream, max_tokens: 9000 }),
    id,
  });
  const took = performance.now() - begun;
  assert.ok(took < kBound, `${took} ms`);
  const counts = (await primary.stats()).models[model];
  const asks = [counts?.requests ?? 0, (await fallback.stats()).requests - before];
  const row = await gateway.books.rowOf(id);
  return { ...got, model, took, asks, row, decision: JSON.parse(row.decision) };
}

/// A whole answer of so many tokens, which is all that is paid for; `asks`: how often the primary
/// and the fallback were asked.
function assertWhole(got, tokens, asks) {
  assert.equal(got.status, 200, got.text);
  assert.deepEqual(got.asks, asks, 'requests');
  assert.equal(got.error, undefined);
  assert.ok(got.done, got.text);
  assert.equal(got.output, tokens);
  const { row } = got;
  assert.equal(row.outcome, 'finished');
  assert.equal(row.input_tokens, kPrompt.openai);
  assert.equal(row.output_tokens, tokens);
  assert.equal(row.attempts, asks[0] + asks[1]);
  const failed = got.decision.failed ?? [];
  assert.equal(failed.length, row.attempts - 1, row.decision);
  const answered = asks[1] > 0 ? 'p2' : row.provider;
  assert.equal(got.headers['x-sluice-provider'], answered);
  assert.equal(got.headers['x-sluice-attempts'], String(row.attempts));
}

/// What has begun ends with an error frame, after so many tokens, which are paid for.
function assertBroken(got, client, code, tokens, asks) {
  assert.equal(got.status, 200);
  assert.deepEqual(got.asks, asks, 'requests');
  assert.ok(!got.done, 'a truncated answer is no success');
  assert.equal(got.output, tokens);
  assert.equal(client === 'openai' ? got.error.code : got.error.details.error_code, code);
  assert.equal(got.row.input_tokens, kPrompt.openai);
  assert.equal(got.row.output_tokens, tokens);
  assert.equal(got.row.outcome, 'upstream_failed');
}

function assertRefused(got, status, asks) {
  assert.equal(got.status, status, got.text);
  assert.deepEqual(got.asks, asks, 'requests');
  assert.equal(got.row.input_tokens + got.row.output_tokens, 0, 'nothing is paid for');
}

const setups = {
  'OpenAI, all of one dialect': { client: 'openai', types: ['openai_compatible'] },
  'Anthropic, all of one dialect': { client: 'anthropic', types: ['anthropic'] },
  'OpenAI with a fallback of Anthropic': {
    client: 'openai',
    types: ['openai_compatible', 'anthropic'],
  },
  'Anthropic with a fallback of OpenAI': {
    client: 'anthropic',
    types: ['anthropic', 'openai_compatible'],
  },
  'OpenAI with a worker first': {
    client: 'openai',
    types: ['openai_compatible'],
    first: 'workers',
  },
};

for (const [name, setup] of Object.entries(setups)) {
  describe(name, { concurrency: 1 }, async () => {
    const { client, first } = setup;
    const gateway = await gatewayFor(setup);
    const alone = await gatewayFor({ ...setup, second: false });
    const one = (script, more) => ask(gateway, client, script, { first, ...more });
    const lonely = (script, more) => ask(alone, client, script, { first, ...more });
    // `b` words an event make every name another one; what comes is a multiple of it.
    const each = () => number;

    test('429 with a short retry-after is waited out', async () => {
      const got = await one('c2-e429-r1-n1');
      assertWhole(got, 2 * each(), [2, 0]);
      assert.ok(got.took >= 950, `${got.took} ms`);
    });

    test('429 with a long retry-after, and without one, goes to the fallback', async () => {
      for (const script of ['e429-r60', 'e429']) {
        const got = await one(script);
        assertWhole(got, 17, [2, 1]);
      }
      const got = await lonely('e429-r60');
      assertRefused(got, 429, [2, 0]);
      assert.equal(got.headers['retry-after'], '60');
    });

    test('500 once', async () => {
      assertWhole(await one('c2-e500-n1'), 2 * each(), [2, 0]);
      assertWhole(await one('c2-e502-n1', { stream: false }), 2 * each(), [2, 0]);
    });

    test('503 for ever', async () => {
      assertWhole(await one('e503'), 17, [2, 1]);
      assertRefused(await lonely('e503'), 502, [2, 0]);
    });

    test('a reset before the headers', async () => {
      if (first === 'workers') {
        // A connection that had been idle may break before it was used: that is no attempt.
        for (const script of ['c2-x0-n1', 'x0']) {
          const got = await one(script);
          assert.ok(got.done, got.text);
          assert.equal(got.row.output_tokens, got.output);
          assert.equal(got.asks[1], script === 'x0' ? 1 : 0);
        }
        return;
      }
      assertWhole(await one('c2-x0-n1'), 2 * each(), [2, 0]);
      assertWhole(await one('x0'), 17, [2, 1]);
      assertRefused(await lonely('x0'), 502, [2, 0]);
    });

    test('silence', async () => {
      assertWhole(await one('e500-f60000'), 17, [1, 1]);
      assertRefused(await lonely('e500-f60000'), 504, [1, 0]);
    });

    test('a slow first token', async () => {
      assertWhole(await one('c2-f20000'), 17, [1, 1]);
      assertRefused(await lonely('c2-f20000'), 504, [1, 0]);
    });

    test('a stream that is cut', async () => {
      const got = await one('c9-x3');
      assertBroken(got, client, 'upstream_stream_interrupted', 3 * each(), [1, 0]);
    });

    test('a stream that stalls: before content the fallback answers, behind it an error ends it', async () => {
      assertWhole(await one('s0'), 17, [1, 1]);
      const got = await one('c9-s3');
      assertBroken(got, client, 'upstream_stalled', 3 * each(), [1, 0]);
    });

    test('a malformed event', async () => {
      const got = await one('c5-m3');
      assert.deepEqual(got.asks, [1, 0]);
      assert.ok(got.done);
      assert.equal(got.output, 4 * each());
    });

    test('a terminal event that is missing', async () => {
      assertWhole(await one('c5-d0'), 5 * each(), [1, 0]);
      const got = await one('c5-w-d0');
      assertBroken(got, client, 'upstream_stream_interrupted', 5 * each(), [1, 0]);
    });

    test('a context that is too small', async () => {
      assertWhole(await one('l2'), 17, [1, 1]);
      const got = await lonely('l2');
      assertRefused(got, 400, [1, 0]);
      if (client === 'openai') assert.equal(got.error.code, 'context_length_exceeded');
      else assert.match(got.error.message, /^prompt is too long/);
    });

    test('a filter of content', async () => {
      const got = await one('c3-g1');
      assert.deepEqual(got.asks, [1, 0]);
      assert.equal(got.finish, client === 'openai' ? 'content_filter' : 'refusal');
      assert.equal(got.row.output_tokens, 3 * each());
      // What is wrong with the request is wrong with it everywhere.
      for (const status of [400, 404, 422]) {
        const refused = await one(`e${status}`);
        if (status === 404 && first === 'workers') {
          // A worker may not have what it has announced, and that is not the request's fault.
          assert.equal(refused.status, 200, refused.text);
          assert.deepEqual(refused.asks, [1, 1]);
          continue;
        }
        assertRefused(refused, status, [1, 0]);
      }
    });

    test('failed attempts are on record, and cost nothing', async () => {
      const got = await one('e500');
      assertWhole(got, 17, [2, 1]);
      const told = got.decision.failed.map((each) => [each.provider, each.error, each.status]);
      const name = first === 'workers' ? 'workers' : 'p1';
      assert.deepEqual(told, Array(2).fill([name, 'upstream_error', 500]));
      assert.equal(got.row.upstream_model, kRest);
      await gateway.books.settled();
      gateway.books.check();
    });
  });

  describe(`${name}, with streams that are gone on with`, { concurrency: 1 }, async () => {
    const { client, types, first } = setup;
    // One upstream says the same under one name, whoever asks.
    const gateway = await gatewayFor({
      ...setup,
      urls: [primary.url, primary.url],
      routing: {
        resume: 'restart',
        fallbacks: [{ from: first ?? 'p1', to: ['p2'] }],
      },
    });
    for (const [what, script] of [['cut', 'c9-x3-n1'], ['stalled', 'c9-s3-n1']]) {
      test(`a stream that is ${what}`, async () => {
        const got = await ask(gateway, client, script, { first });
        assert.deepEqual(got.asks, [2, 0]);
        assert.ok(got.done, got.text);
        assert.equal(got.error, undefined);
        assert.equal(got.output, 9 * number);
        assert.equal(got.row.output_tokens, 9 * number);
        assert.equal(got.row.input_tokens, kPrompt.openai);
        assert.equal(got.row.provider, 'p2', types.join());
        assert.equal(got.decision.failed[0].delivered, 3 * number);
      });
    }
  });
}

test('a fallback that rejects a prefill is not given one', async () => {
  const upstream = await startUpstream();
  upstream.on('claude-opus-4-7', ({ socket, request }) => {
    const last = JSON.parse(request.body).messages.at(-1);
    const error = { type: 'invalid_request_error', message: 'prefill is not supported' };
    const content = [{ type: 'text', text: 'good' }];
    const usage = { input_tokens: 3, output_tokens: 1 };
    const body = { type: 'message', content, stop_reason: 'end_turn', usage };
    if (last.role === 'assistant') socket.write(json(400, { type: 'error', error }));
    else socket.write(json(200, body));
  });
  const gateway = await gatewayFor({
    types: ['openai_compatible', 'anthropic'],
    urls: [primary.url, upstream.url],
    routing: { fallbacks: [{ from: 'p1', to: [{ target: 'p2', model: 'claude-opus-4-7' }] }] },
  });
  const messages = [
    { role: 'user', content: 'Hello' },
    { role: 'assistant', content: 'I say' },
  ];
  const answer = await gateway.post('/v1/chat/completions', { model: 'mock-e503-c1', messages });
  const body = await answer.json();
  assert.equal(answer.status, 200, JSON.stringify(body));
  assert.equal(body.choices[0].message.content, 'good');
  assert.equal(upstream.of('claude-opus-4-7').length, 1);
});

describe('a primary that flaps', async () => {
  const kModel = 'mock-c4';
  const flaky = await startUpstream();
  let down = false;
  let seen = 0;
  const whole = json(200, {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    choices: [{ index: 0, message: { role: 'assistant', content: 'good' }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 8, completion_tokens: 1, total_tokens: 9 },
  });
  flaky.on(kModel, ({ socket }) => {
    ++seen;
    if (down) socket.write(json(500, { error: { message: 'bad', type: 'bad', code: null } }));
    else socket.write(whole);
  });
  after(() => flaky.stop());
  const urls = [flaky.url, fallback.url];

  test('never shows with a fallback', async () => {
    const gateway = await gatewayFor({ types: ['openai_compatible'], urls });
    for (let i = 0; i < 60; ++i) {
      down = i % 10 >= 4;
      const got = await call(gateway, { key: kClientKey, body: chat(kModel) });
      assert.equal(got.status, 200, `${i}: ${got.text}`);
      assert.ok(got.done);
    }
    // What fails all the time is not asked all the time.
    assert.ok(seen < 60, `${seen} requests`);
  });

  test('is asked again and again where there is nobody else', async () => {
    const gateway = await gatewayFor({ types: ['openai_compatible'], second: false, urls });
    down = true;
    seen = 0;
    for (let i = 0; i < 10; ++i) {
      const got = await call(gateway, { key: kClientKey, body: chat(kModel) });
      assert.equal(got.status, 502, got.text);
    }
    assert.equal(seen, 20, 'two tries each, whatever the breaker says');
    down = false;
    const got = await call(gateway, { key: kClientKey, body: chat(kModel) });
    assert.equal(got.status, 200, 'at once when it is back');
    assert.equal(seen, 21);
  });

  test('does not disturb other models', async () => {
    const gateway = await gatewayFor({ types: ['openai_compatible'] });
    let tries = 0;
    for (let i = 0; i < 6; ++i) {
      const got = await ask(gateway, 'openai', '', { model: 'mock-e500-c7' });
      assert.equal(got.output, 17, got.text);
      assert.equal(got.asks[1], 1);
      tries = got.asks[0];
    }
    assert.ok(tries < 6, `${tries} tries of what is known to fail`);
    assertWhole(await ask(gateway, 'openai', 'c2'), 2 * number, [1, 0]);
  });
});
