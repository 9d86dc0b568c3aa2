// The named cases of conversion that need a process and are told by no other file:
// src/dialect/chat/testdata/README.md lists all of them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { all, anthropic, chat, kHello, message, openai } from '../harness/clients.mjs';
import { configFor, kClientKey, startGateway } from '../harness/gateway.mjs';
import { startMock } from '../harness/mock.mjs';
import { an, chunk, json, kLastChunk, kStreamHead, oa, response, startUpstream } from '../harness/upstream.mjs';

const mock = await startMock();
const upstream = await startUpstream();
const gateway = await startGateway(configFor(mock.url));

/// A gateway whose only provider is the one of that name.
function gatewayTo(name, url = upstream.url) {
  const { providers } = configFor(url);
  return startGateway(
    configFor(url, {
      routing: { retry: { attempts: 1 } },
      providers: providers.filter((each) => each.name === name),
    }),
  );
}
const toGpt = await gatewayTo('oa');
const toClaude = await gatewayTo('an');

test('auth_both: a key is taken from either field on every route, none is told in the dialect', async () => {
  const bearer = { authorization: `Bearer ${kClientKey}` };
  const field = { 'x-api-key': kClientKey };
  const routes = [
    ['POST', '/v1/chat/completions', chat('mock-c1')],
    ['POST', '/v1/responses', { model: 'mock-c1', input: 'Hello' }],
    ['POST', '/v1/embeddings', { model: 'mock-c1', input: 'Hello' }],
    ['POST', '/v1/messages', message('mock-c1')],
    ['POST', '/v1/messages/count_tokens', { model: 'mock-c1', messages: kHello }],
    ['GET', '/v1/models'],
  ];
  for (const [method, route, body] of routes) {
    const status = async (headers) => {
      const answer = await fetch(gateway.url + route, {
        method,
        headers: { 'content-type': 'application/json', ...headers },
        body: body && JSON.stringify(body),
      });
      return [answer.status, await answer.json()];
    };
    for (const headers of [bearer, field, { ...bearer, ...field }]) {
      assert.equal((await status(headers))[0], 200, `${route} ${Object.keys(headers)}`);
    }
    const [refused, told] = await status({});
    assert.equal(refused, 401, route);
    assert.equal(told.error.type, 'authentication_error');
    assert.equal(told.type, route.startsWith('/v1/messages') ? 'error' : undefined, route);
  }
});

test('models_union: one list serves both families of clients', async () => {
  const ids = async (list) => (await all(await list)).map((model) => model.id).sort();
  const forOpenAi = await ids(openai(gateway).models.list());
  assert.deepEqual(await ids(anthropic(gateway).models.list({ limit: 1000 })), forOpenAi);
  assert.ok(forOpenAi.includes('gpt-4o') && forOpenAi.includes('claude-sonnet-4-6'));
  const answer = await gateway.get('/v1/models?limit=1000', {
    authorization: `Bearer ${kClientKey}`,
  });
  const list = await answer.json();
  assert.equal(list.object, 'list');
  assert.equal(list.has_more, false);
  assert.equal(list.first_id, list.data[0].id);
  assert.equal(list.last_id, list.data.at(-1).id);
  for (const model of list.data) {
    assert.equal(model.object, 'model');
    assert.equal(model.type, 'model');
    assert.equal(typeof model.created, 'number');
    assert.equal(typeof model.owned_by, 'string');
    assert.equal(typeof model.display_name, 'string');
    assert.ok(!Number.isNaN(Date.parse(model.created_at)));
  }
});

// Pitfall 33 of src/dialect/chat/testdata/README.md.
test('count_tokens_fallback: where the upstream cannot count, the gateway does, tools and all', async () => {
  const count = async (more = {}) => {
    const ask = { model: 'anything', messages: kHello, ...more };
    return (await anthropic(toGpt).messages.countTokens(ask)).input_tokens;
  };
  const plain = await count();
  assert.ok(plain >= 1);
  const tool = {
    name: 'weather',
    description: 'Tells the weather of a city.',
    input_schema: { type: 'object', properties: { city: { type: 'string' } } },
  };
  assert.ok((await count({ tools: [tool] })) >= plain + 10);
  assert.ok((await count({ system: 'Be kind to everybody.' })) > plain);
  // The same model answers as before.
  upstream.on('anything', ({ socket }) => socket.write(json(200, oa.whole('yes'))));
  const answer = await anthropic(toGpt).messages.create(message('anything'));
  assert.equal(answer.content[0].text, 'yes');
});

// Pitfall 46 of src/dialect/chat/testdata/README.md.
test('embeddings_base64: come as asked from an upstream that knows one encoding only', async () => {
  // Floats, so that no digit is lost on the way.
  const vectors = [0.1, -2.5, 0].map((first) => [...new Float32Array([first, 1 / 3, 1e-9])]);
  const packed = vectors.map((each) => Buffer.from(new Float32Array(each).buffer).toString('base64'));
  const answer = (embeddings) => ({
    object: 'list',
    data: embeddings.map((embedding, index) => ({ object: 'embedding', index, embedding })),
    model: 'm',
    usage: { prompt_tokens: 3, total_tokens: 3 },
  });
  upstream.on('floats', ({ socket }) => socket.write(json(200, answer(vectors))));
  upstream.on('packed', ({ socket }) => socket.write(json(200, answer(packed))));
  upstream.on('gzipped', ({ socket }) => {
    const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
    socket.write(response(200, gzipSync(JSON.stringify(answer(vectors))), headers));
  });
  const long = Array.from({ length: 40 }, () => Array.from(new Float32Array(3000), (_, i) => i));
  upstream.on('long', ({ socket }) => socket.write(json(200, answer(long))));
  const client = openai(toGpt);
  const embed = async (model, more) => {
    const { data, usage } = await client.embeddings.create({ model, input: ['a', 'b', 'c'], ...more });
    assert.equal(usage.prompt_tokens, 3);
    return data.map((each) => each.embedding);
  };
  for (const model of ['floats', 'packed', 'gzipped']) {
    // The library asks for base64 by itself, and decodes it.
    assert.deepEqual(await embed(model), vectors, model);
    assert.deepEqual(await embed(model, { encoding_format: 'base64' }), packed, model);
  }
  for (const numbers of await embed('packed', { encoding_format: 'float' })) {
    assert.equal(typeof numbers[0], 'number');
  }
  assert.deepEqual(
    (await embed('packed', { encoding_format: 'float' })).map((each) => [...new Float32Array(each)]),
    vectors,
  );
  assert.deepEqual(await embed('long'), long);
});

// Pitfall 13 of src/dialect/chat/testdata/README.md.
test('a conversation that changes models takes no foreign thinking to the next', async () => {
  const model = (name) => upstream.on(name, ({ socket, request }) => {
    const thought = { role: 'assistant', content: 'So.', reasoning_content: 'Hm.' };
    const chats = { ...oa.whole(''), choices: [{ index: 0, message: thought, finish_reason: 'stop' }] };
    const said = { id: 'msg_1', type: 'message', role: 'assistant', model: 'm', content: [], stop_reason: 'end_turn', usage: { input_tokens: 1, output_tokens: 1 } };
    socket.write(json(200, request.head.includes('/chat/') ? chats : said));
  });
  const first = await anthropic(toGpt).messages.create(message(model('thinks')));
  const [thinking] = first.content;
  assert.equal(thinking.type, 'thinking');
  assert.match(thinking.signature, /^gwsig1\./);
  const own = { type: 'thinking', thinking: 'My own.', signature: 'EqQBCgIYAhIM' };
  const messages = [
    ...kHello,
    { role: 'assistant', content: first.content },
    ...kHello,
    { role: 'assistant', content: [own, { type: 'text', text: 'Yes.' }] },
    ...kHello,
  ];
  await anthropic(toClaude).messages.create(message(model('goes-on'), { messages }));
  const sent = JSON.parse(upstream.of('goes-on')[0].body).messages;
  assert.deepEqual(sent[1].content.map((block) => block.type), ['text']);
  assert.deepEqual(sent[3].content[0], own);
});

test('s_o2a_error_object: first it is the status of the answer, later an event', async () => {
  const limited = { type: 'rate_limit_error', message: 'Slow down.', code: 'rate_limit_exceeded' };
  const erring = (name, ...events) =>
    upstream.on(name, ({ socket }) => {
      socket.write(kStreamHead + events.map(chunk).join('') + kLastChunk);
    });
  for (const [gateway, route, first, mid] of [
    [
      toGpt,
      ['/v1/messages', message],
      erring('oa-first', oa.error(limited)),
      erring('oa-mid', oa.role(), oa.text('half'), oa.error(limited)),
    ],
    [
      toClaude,
      ['/v1/chat/completions', chat],
      erring('an-first', an.error(limited)),
      erring('an-mid', an.start(), an.text('half'), an.error(limited)),
    ],
  ]) {
    const [path, body] = route;
    const refused = await gateway.post(path, body(first, { stream: true }));
    assert.equal(refused.status, 429);
    assert.equal(refused.headers.get('content-type'), 'application/json');
    assert.equal((await refused.json()).error.type, 'rate_limit_error');
    const begun = await gateway.post(path, body(mid, { stream: true }));
    assert.equal(begun.status, 200);
    const text = await begun.text();
    assert.match(text, /half/);
    assert.match(text, path === '/v1/messages' ? /\nevent: error\ndata: / : /\ndata: \{"error":/);
    assert.doesNotMatch(text, /\[DONE\]|message_stop/);
  }
});

/// The name of the only tool in a request, as a call of it with the same name in its arguments, in
/// pieces that come between those of all others.
function calling({ socket, request }) {
  const body = JSON.parse(request.body);
  const [tool] = body.tools;
  const own = JSON.stringify({ own: tool.description ?? tool.function.description });
  const events = [];
  if (tool.function) {
    const call = (fields) => oa.delta({ tool_calls: [{ index: 0, ...fields }] });
    events.push(oa.role());
    events.push(call({ id: `call_${request.model}`, type: 'function', function: { name: tool.function.name, arguments: '' } }));
    for (const piece of own) events.push(call({ function: { arguments: piece } }));
    events.push(oa.finish('tool_calls') + oa.done());
  } else {
    const block = { type: 'tool_use', id: `toolu_${request.model}`, name: tool.name, input: {} };
    events.push(an.start() + an.event('content_block_stop', { index: 0 }));
    events.push(an.event('content_block_start', { index: 1, content_block: block }));
    for (const piece of own) {
      events.push(an.event('content_block_delta', { index: 1, delta: { type: 'input_json_delta', partial_json: piece } }));
    }
    const delta = { stop_reason: 'tool_use', stop_sequence: null };
    events.push(an.event('content_block_stop', { index: 1 }));
    events.push(an.event('message_delta', { delta, usage: { output_tokens: 2 } }) + an.done());
  }
  socket.write(kStreamHead);
  const next = () => {
    if (events.length === 0) return socket.write(kLastChunk);
    socket.write(chunk(events.shift()));
    setImmediate(next);
  };
  next();
}

// Pitfall 40 of src/dialect/chat/testdata/README.md.
test('concurrency: 200 converted streams at once have each their own call', async () => {
  const clients = { an: anthropic(toGpt), oa: openai(toClaude) };
  const count = 200;
  const held = [];
  // Nobody is answered before everybody has asked.
  for (let i = 0; i < count; ++i) {
    upstream.on(`call-${i}`, (given) => {
      held.push(given);
      if (held.length === count) held.forEach(calling);
    });
  }
  await Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const model = `call-${i}`;
      // Too long for the upstream, and the same but for the end: the hash tells them apart.
      const name = `mcp__server__${'x'.repeat(60)}_${i}`;
      const description = `own of ${i}`;
      const schema = { type: 'object', properties: { own: { type: 'string' } } };
      let called;
      if (i % 2 === 0) {
        const tools = [{ name, description, input_schema: schema }];
        const final = await clients.an.messages.stream(message(model, { tools })).finalMessage();
        assert.equal(final.model, model);
        assert.equal(final.stop_reason, 'tool_use');
        const [call] = final.content.filter((block) => block.type === 'tool_use');
        called = { id: call.id, name: call.name, own: call.input.own };
      } else {
        const tools = [{ type: 'function', function: { name, description, parameters: schema } }];
        const stream = clients.oa.chat.completions.stream(chat(model, { tools }));
        const final = await stream.finalChatCompletion();
        assert.equal(final.model, model);
        const [call] = final.choices[0].message.tool_calls;
        called = { id: call.id, name: call.function.name, own: JSON.parse(call.function.arguments).own };
      }
      assert.deepEqual(called, { id: `${i % 2 === 0 ? 'call' : 'toolu'}_${model}`, name, own: description });
    }),
  );
  for (const { request } of held) {
    const [tool] = JSON.parse(request.body).tools;
    assert.ok((tool.name ?? tool.function.name).length <= 64);
  }
});
