// What keeps a stream alive while nothing is generated, and what ends it; upstreams that pause;
// conversations that stay with their account.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { all, anthropic, chat, message, openai, refusal } from '../harness/clients.mjs';
import { configFor, kClientKey, startGateway } from '../harness/gateway.mjs';
import { header, startMock } from '../harness/mock.mjs';
import { chunk, kStreamHead, oa, startUpstream } from '../harness/upstream.mjs';
import { until } from '../harness/until.mjs';

const mock = await startMock();

/// Every model to the provider of that name; signs of life after 40 ms.
function gatewayTo(name, upstream = mock.url, { routing = {}, provider = {}, ...more } = {}) {
  const { providers } = configFor(upstream);
  const [only] = providers.filter((each) => each.name === name);
  return startGateway(
    configFor(upstream, {
      routing: { keep_alive: '40ms', retry: { attempts: 1, budget: 1 }, ...routing },
      ...more,
      providers: [{ ...only, ...provider }],
    }),
  );
}

const toClaude = await gatewayTo('an');
const toGpt = await gatewayTo('oa');
const kPing = 'event: ping\ndata: {"type":"ping"}\n\n';

/// The text of a whole stream.
async function streamed(gateway, route, body) {
  const answer = await gateway.post(route, { ...body, stream: true });
  return { answer, text: await answer.text() };
}
const chatted = (gateway, body) => streamed(gateway, '/v1/chat/completions', body);
const messaged = (gateway, body) => streamed(gateway, '/v1/messages', body);

describe('a client of a slow upstream', () => {
  // Silent before the first token, and between all others.
  const model = 'mock-c3-f130-i130';

  for (const [name, gateway] of [['its own', toClaude], ['the other', toGpt]]) {
    // Pitfall 31 of src/dialect/chat/testdata/README.md.
    test(`of Anthropic gets pings from ${name} dialect, also before the answer`, async () => {
      const { answer, text } = await messaged(gateway, message(model));
      assert.equal(answer.status, 200);
      assert.ok(text.indexOf(kPing) < text.indexOf('event: message_start'), text);
      assert.ok(text.split(kPing).length > 4, text);
      // Nothing but whole frames, and no comment among them.
      for (const frame of text.trimEnd().split('\n\n')) {
        assert.match(frame, /^event: \w+\ndata: \{.*\}$/);
      }
      const direct = await anthropic({ url: mock.url }).messages.create(message(model));
      const gathered = await anthropic(gateway).messages.stream(message(model)).finalMessage();
      assert.equal(gathered.content[0].text, direct.content[0].text);
      assert.equal(gathered.stop_reason, 'end_turn');
    });

    // Pitfall 31 of src/dialect/chat/testdata/README.md.
    test(`of OpenAI gets comments from ${name === 'its own' ? 'the other' : 'its own'} dialect`, async () => {
      const { text } = await chatted(gateway, chat(model));
      assert.ok(text.split(': ping\n').length > 3, text);
      assert.ok(!text.includes(': ping\n\n'), text);
      const events = await all(
        await openai(gateway).chat.completions.create(chat(model, { stream: true })),
      );
      const words = events.map((each) => each.choices[0]?.delta.content ?? '').join('');
      const direct = await openai({ url: mock.url }).chat.completions.create(chat(model));
      assert.equal(words, direct.choices[0].message.content);
    });
  }

  test('gets no sign of life where they are switched off', async () => {
    const gateway = await gatewayTo('oa', mock.url, { routing: { keep_alive: '0s' } });
    assert.ok(!(await messaged(gateway, message(model))).text.includes('ping'));
    assert.ok(!(await chatted(gateway, chat(model))).text.includes('ping'));
  });

  test('learns of an error in the stream once that has begun, and by its status before', async () => {
    const late = await messaged(toGpt, message('mock-e500-f130'));
    assert.equal(late.answer.status, 200);
    assert.match(late.text, /event: error\ndata: \{"type":"error"/);
    assert.ok(!late.text.includes('message_stop'));
    const early = await messaged(toGpt, message('mock-e500'));
    assert.equal(early.answer.status, 502);
    const error = await refusal(
      anthropic(toGpt).messages.stream(message('mock-e500-f130')).finalMessage(),
    );
    assert.equal(error.error?.error?.type ?? error.error?.type, 'api_error');
    // What passes unchanged keeps its status for OpenAI's clients, however late.
    assert.equal((await chatted(toGpt, chat('mock-e500-f130'))).answer.status, 502);
  });

  test('is answered by the fallback although signs of life have gone out', async () => {
    const { providers } = configFor(mock.url);
    const gateway = await startGateway(
      configFor(mock.url, {
        routing: {
          keep_alive: '40ms',
          retry: { attempts: 1, budget: 1 },
          rules: [{ type: 'exact', pattern: 'slow', target: 'an', model: 'mock-e529-f130' }],
          fallbacks: [{ from: 'an', to: [{ target: 'oa', model: 'mock-c4' }] }],
        },
        providers,
      }),
    );
    const { answer, text } = await messaged(gateway, message('slow'));
    assert.equal(answer.status, 200);
    assert.ok(text.startsWith(kPing), text);
    assert.equal(text.split('event: message_start').length, 2);
    assert.match(text, /message_stop/);
    const line = await gateway.requestLine({ model: 'slow' });
    assert.equal(line.provider, 'oa');
    assert.equal(line.attempts, 2);
  });
});

test('an upstream that keeps its connection open after the finish reason ends all the same', async () => {
  const upstream = await startUpstream();
  const frames = [
    { choices: [{ index: 0, delta: { content: 'all' } }] },
    { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] },
    { choices: [], usage: { prompt_tokens: 3, completion_tokens: 2 } },
  ].map((each) => chunk(`data: ${JSON.stringify(each)}\n\n`));
  upstream.on('open', ({ socket }) => socket.write(kStreamHead + frames.join('')));
  const gateway = await gatewayTo('oa', upstream.url);
  const [chats, messages] = await Promise.all([
    chatted(gateway, chat('open')),
    messaged(gateway, message('open')),
  ]);
  assert.match(chats.text, /data: \[DONE\]\n\n$/);
  assert.match(messages.text, /"output_tokens":2/);
  assert.match(messages.text, /event: message_stop/);
});

describe('an upstream that pauses its turn', () => {
  // Only who runs tools himself pauses.
  const searching = (model, more) => chat(model, { web_search_options: {}, ...more });

  test('goes on unseen, streamed and not, and all of it is paid for', async () => {
    const first = await anthropic({ url: mock.url }).messages.create(message('mock-c6-p2'));
    const before = (await mock.requestsFor('mock-c6-p2')).length;
    const whole = await openai(toClaude).chat.completions.create(searching('mock-c6-p2'));
    const expected = whole.choices[0].message.content;
    assert.ok(expected.startsWith(first.content[0].text), expected);
    assert.equal(expected.split(' ').length, 6);
    assert.equal(whole.choices[0].finish_reason, 'stop');
    const asked = (await mock.requestsFor('mock-c6-p2')).length - before;
    assert.equal(asked, 3);
    const { text } = await chatted(
      toClaude,
      searching('mock-c6-p2', { stream_options: { include_usage: true } }),
    );
    assert.equal((await mock.requestsFor('mock-c6-p2')).length, before + 2 * asked);
    const events = [...text.matchAll(/^data: (\{.*)$/gm)].map((each) => JSON.parse(each[1]));
    const words = events.map((each) => each.choices[0]?.delta.content ?? '').join('');
    assert.equal(words, expected);
    const finishes = events.map((each) => each.choices[0]?.finish_reason).filter(Boolean);
    assert.deepEqual(finishes, ['stop']);
    assert.ok(!text.includes('pause'));
    assert.equal(events.at(-1).usage.prompt_tokens, whole.usage.prompt_tokens);
    assert.equal(events.at(-1).usage.completion_tokens, whole.usage.completion_tokens);
    assert.ok(whole.usage.prompt_tokens > 3 * first.usage.input_tokens);
  });

  test('is no time that the gateway itself has taken', async () => {
    const overheads = async () => {
      const text = await (await toClaude.get('/metrics')).text();
      const counts = [...text.matchAll(/^gateway_overhead_seconds_count\{.*\} (\d+)$/gm)];
      return counts.reduce((sum, [, count]) => sum + Number(count), 0);
    };
    await chatted(toClaude, chat('mock-c6'));
    const before = await until('an overhead to be told', async () => {
      const value = await overheads();
      return { done: value > 0, value };
    });
    await openai(toClaude).chat.completions.create(searching('mock-c6-p2'));
    await chatted(toClaude, searching('mock-c6-p2'));
    await openai(toClaude).chat.completions.create(chat('mock-c6'));
    await until('the last one to be told', async () => {
      const value = await overheads();
      return { done: value >= before + 1, value };
    });
    assert.equal(await overheads(), before + 1);
  });

  test('is given up after five times', async () => {
    const answer = await openai(toClaude).chat.completions.create(searching('mock-c20-p9'));
    assert.equal(answer.choices[0].finish_reason, 'length');
    assert.ok(answer.choices[0].message.content.length > 0);
    const { text } = await chatted(toClaude, searching('mock-c20-p9'));
    assert.match(text, /"finish_reason":"length"/);
    assert.match(text, /\[DONE\]/);
  });

  test('is shown as it is to a client of its own dialect', async () => {
    const answer = await anthropic(toClaude).messages.create(message('mock-c6-p1'));
    assert.equal(answer.stop_reason, 'pause_turn');
  });
});

describe('a conversation', () => {
  const api_keys = ['sk-account-a', 'sk-account-b', 'sk-account-c', 'sk-account-d'];
  const user = (content) => ({ role: 'user', content });
  const turn = (content) => [user(content), { role: 'assistant', content: 'Yes.' }, user('More')];

  // Pitfall 45 of src/dialect/chat/testdata/README.md.
  test('stays with its account while it grows, and others go to others', async () => {
    const gateway = await gatewayTo('oa', mock.url, { provider: { api_keys } });
    const used = new Set();
    for (let i = 0; i < 12; ++i) {
      const model = `mock-c1-b${i + 1}`;
      for (const messages of [[user(`${i}`)], turn(`${i}`)]) {
        const sent = await gateway.post('/v1/chat/completions', { model, messages });
        assert.equal(sent.status, 200);
      }
      const keys = (await mock.requestsFor(model)).map((each) => header(each, 'authorization'));
      assert.equal(keys.length, 2);
      assert.equal(keys[0], keys[1]);
      used.add(keys[0]);
    }
    assert.ok(used.size > 1, [...used].join());
  });

  test('is known by what its client calls it', async () => {
    const gateway = await gatewayTo('an', mock.url, { provider: { api_keys } });
    const model = 'mock-c2-b2';
    for (let i = 0; i < 8; ++i) {
      const session = { 'x-claude-code-session-id': 'one-session' };
      const body = message(model, { messages: [user(`${i}`)] });
      assert.equal((await gateway.post('/v1/messages', body, session)).status, 200);
    }
    const keys = (await mock.requestsFor(model)).map((each) => header(each, 'x-api-key'));
    assert.equal(new Set(keys).size, 1);
  });
});

test('strict or lenient is said by the header, else by the key, else by the configuration', async () => {
  const strict = 'sk-strict-0123456789';
  const lenient = 'sk-lenient-0123456789';
  const gateway = await gatewayTo('an', mock.url, {
    routing: { mode: 'strict' },
    keys: [
      { key: kClientKey, name: 'tester' },
      { key: strict, name: 'strict', mode: 'strict' },
      { key: lenient, name: 'lenient', mode: 'lenient' },
    ],
  });
  const status = async (key, headers = {}) =>
    (
      await gateway.post('/v1/chat/completions', chat('mock-c1', { seed: 1 }), {
        authorization: `Bearer ${key}`,
        ...headers,
      })
    ).status;
  assert.equal(await status(kClientKey), 400);
  assert.equal(await status(strict), 400);
  assert.equal(await status(lenient), 200);
  assert.equal(await status(lenient, { 'x-sluice-mode': 'strict' }), 400);
  assert.equal(await status(strict, { 'x-sluice-mode': 'lenient' }), 200);
});

test('what the configuration says of conversion holds', async () => {
  const model = 'mock-k-c2';
  const asked = async (routing, body = {}) => {
    const gateway = await gatewayTo('an', mock.url, { routing });
    const answer = await gateway.post('/v1/chat/completions', chat(model, body));
    const sent = JSON.parse((await mock.requestsFor(model)).at(-1).body);
    return { status: answer.status, answer: await answer.json(), sent };
  };
  const shown = await asked({});
  assert.ok(shown.answer.choices[0].message.reasoning_content);
  assert.equal(shown.sent.cache_control, undefined);
  const hidden = await asked({ expose_reasoning: false, auto_cache: 'always' });
  assert.equal(hidden.answer.choices[0].message.reasoning_content, undefined);
  assert.deepEqual(hidden.sent.cache_control, { type: 'ephemeral' });
  const lonely = { messages: [{ role: 'tool', tool_call_id: 'a', content: 'x' }] };
  assert.equal((await asked({}, lonely)).status, 400);
  assert.equal((await asked({ repair_tools: true }, lonely)).status, 200);
});
