// Each official client against an upstream of the other dialect: nothing of the upstream's shows.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { all, anthropic, chat, message, openai, refusal } from '../harness/clients.mjs';
import { configFor, kAnthropicKey, kOpenAiKey, startGateway } from '../harness/gateway.mjs';
import { Books, call, kPrompt, words } from '../harness/metering.mjs';
import { header, startMock } from '../harness/mock.mjs';
import { an, chunk, json, kLastChunk, kStreamHead, oa, startUpstream } from '../harness/upstream.mjs';

const mock = await startMock();
const kQuota = kPrompt.openai + 25;
const keys = ['tester', 'whole', 'stream'].map((name) => ({
  key: `sk-${name}-0123456789`,
  name,
  ...(name !== 'tester' && { quota_tokens: kQuota }),
}));
const clientKey = keys[0].key;

/// A gateway whose only provider is the one of that name.
async function gatewayTo(name, upstream = mock.url, changes = {}) {
  const { providers } = configFor(upstream);
  const gateway = await startGateway(
    configFor(upstream, {
      keys,
      routing: { retry: { attempts: 1 } },
      ...changes,
      providers: providers.filter((each) => each.name === name),
    }),
  );
  gateway.books = new Books(gateway.folder);
  return gateway;
}

const toClaude = await gatewayTo('an');
const toGpt = await gatewayTo('oa');
const chats = openai(toClaude, { apiKey: clientKey });
const messages = anthropic(toGpt, { apiKey: clientKey });
// What the same model says to a client of its own dialect.
const directChats = openai({ url: mock.url });
const directMessages = anthropic({ url: mock.url });

const parameters = { type: 'object', properties: { city: { type: 'string' } } };
const names = ['get_weather', 'get_time'];
const functions = names.map((name) => ({ type: 'function', function: { name, parameters } }));
const tools = names.map((name) => ({ name, input_schema: parameters }));
const textOf = (content) => content.map((block) => block.text ?? '').join('');
const lastSent = async (model) => (await mock.requestsFor(model)).at(-1);

describe('an OpenAI client on an Anthropic upstream', () => {
  test('has a whole answer, its usage, and nothing of the upstream', async () => {
    const model = 'mock-c7-b3';
    const { data, response } = await chats.chat.completions
      .create(chat(model, { seed: 1 }))
      .withResponse();
    const expected = await directMessages.messages.create(message(model));
    const [choice] = data.choices;
    assert.equal(data.object, 'chat.completion');
    assert.equal(data.model, model);
    assert.match(data.id, /^chatcmpl-/);
    assert.ok(Math.abs(data.created - Date.now() / 1000) < 60);
    assert.equal(choice.message.content, textOf(expected.content));
    assert.equal(choice.finish_reason, 'stop');
    assert.equal(data.usage.prompt_tokens, expected.usage.input_tokens);
    assert.equal(data.usage.completion_tokens, 21);
    assert.equal(response.headers.get('x-sluice-provider'), 'an');
    assert.equal(response.headers.get('x-sluice-dropped'), 'seed');
    assert.equal(response.headers.get('anthropic-ratelimit-requests-limit'), null);
    assert.equal(response.headers.get('content-type'), 'application/json');
    const row = await toClaude.books.rowOf(response.headers.get('x-request-id'));
    assert.equal(row.output_tokens, 21);
    assert.equal(row.basis, 'reported');
  });

  test('is asked for in the words of the upstream', async () => {
    const model = 'mock-c1-b2';
    await chats.chat.completions.create(chat(model, { max_completion_tokens: 77 }));
    const sent = await lastSent(model);
    assert.equal(sent.target, '/v1/messages');
    assert.equal(header(sent, 'x-api-key'), kAnthropicKey);
    assert.equal(header(sent, 'anthropic-version'), '2023-06-01');
    assert.equal(header(sent, 'authorization'), undefined);
    assert.equal(JSON.parse(sent.body).max_tokens, 77);
  });

  test('streams through the helper', async () => {
    const model = 'mock-c9-b2';
    const stream = chats.chat.completions.stream(
      chat(model, { stream_options: { include_usage: true } }),
    );
    const answer = await stream.finalChatCompletion();
    const expected = await directMessages.messages.create(message(model));
    assert.equal(answer.choices[0].message.content, textOf(expected.content));
    assert.equal(answer.choices[0].finish_reason, 'stop');
    assert.equal(answer.usage.completion_tokens, 18);
    assert.equal(answer.usage.prompt_tokens, expected.usage.input_tokens);
  });

  // Pitfall 11 of src/dialect/chat/testdata/README.md.
  test('has no usage chunk that it has not asked for', async () => {
    const chunks = await all(await chats.chat.completions.create(chat('mock-c3', { stream: true })));
    assert.ok(chunks.every((each) => !each.usage && each.choices.length === 1));
    assert.equal(new Set(chunks.map((each) => each.id)).size, 1);
  });

  for (const streamed of [false, true]) {
    test(`has parallel calls, ${streamed ? 'streamed' : 'whole'}`, async () => {
      const body = chat('mock-t', { tools: functions });
      const answer = streamed
        ? await chats.chat.completions.stream(body).finalChatCompletion()
        : await chats.chat.completions.create(body);
      const calls = answer.choices[0].message.tool_calls;
      assert.deepEqual(calls.map((each) => each.function.name), names);
      for (const each of calls) assert.equal(typeof JSON.parse(each.function.arguments), 'object');
      assert.equal(new Set(calls.map((each) => each.id)).size, 2);
      assert.equal(answer.choices[0].finish_reason, 'tool_calls');
    });

    test(`has thinking, ${streamed ? 'streamed' : 'whole'}`, async () => {
      const body = chat('mock-c4-k', { reasoning_effort: 'high' });
      const answer = streamed
        ? await chats.chat.completions.stream(body).finalChatCompletion()
        : await chats.chat.completions.create(body);
      const { message: said } = answer.choices[0];
      assert.equal(words(said.content), 4);
      if (!streamed) {
        assert.equal(words(said.reasoning_content), 4);
        assert.ok(said.thinking_blocks[0].signature.length > 100);
      }
    });
  }

  test('sees its own classes of errors', async () => {
    const classes = {
      400: OpenAI.BadRequestError,
      404: OpenAI.NotFoundError,
      429: OpenAI.RateLimitError,
      500: OpenAI.InternalServerError,
      529: OpenAI.InternalServerError,
    };
    for (const [status, expected] of Object.entries(classes)) {
      const error = await refusal(chats.chat.completions.create(chat(`mock-e${status}`)));
      assert.ok(error instanceof expected, `${status}: ${error}`);
      assert.equal(typeof error.type, 'string');
    }
  });

  test('is refused what cannot be converted, and in strict mode what would be lost', async () => {
    const model = 'mock-c1-b7';
    const choices = await refusal(chats.chat.completions.create(chat(model, { n: 2 })));
    assert.ok(choices instanceof OpenAI.BadRequestError);
    assert.equal(choices.param, 'n');
    const headers = { 'x-sluice-mode': 'strict' };
    const seed = await refusal(chats.chat.completions.create(chat(model, { seed: 1 }), { headers }));
    assert.equal(seed.status, 400);
    assert.equal(seed.param, 'seed');
    assert.equal((await mock.requestsFor(model)).length, 0);
  });
});

describe('an Anthropic client on an OpenAI upstream', () => {
  test('has a whole answer, its usage, and nothing of the upstream', async () => {
    const model = 'mock-c8-b3';
    const { data, response } = await messages.messages
      .create(message(model, { top_k: 5 }))
      .withResponse();
    const expected = await directChats.chat.completions.create(chat(model));
    assert.equal(data.type, 'message');
    assert.equal(data.model, model);
    assert.match(data.id, /^msg_/);
    assert.equal(textOf(data.content), expected.choices[0].message.content);
    assert.equal(data.stop_reason, 'end_turn');
    assert.equal(data.usage.input_tokens, expected.usage.prompt_tokens);
    assert.equal(data.usage.output_tokens, 24);
    assert.equal(response.headers.get('x-sluice-dropped'), 'top_k');
    assert.equal(response.headers.get('openai-version'), null);
    const row = await toGpt.books.rowOf(response.headers.get('request-id'));
    assert.equal(row.output_tokens, 24);
    assert.equal(row.basis, 'reported');
  });

  // Pitfall 32 of src/dialect/chat/testdata/README.md.
  test('is asked for in the words of the upstream', async () => {
    const model = 'mock-c1-b3';
    await messages.beta.messages.create(message(model, { betas: ['context-1m-2025-08-07'] }));
    const sent = await lastSent(model);
    assert.equal(sent.target, '/v1/chat/completions');
    assert.equal(header(sent, 'authorization'), `Bearer ${kOpenAiKey}`);
    for (const [name] of sent.headers) assert.ok(!/^anthropic-/i.test(name), name);
    assert.ok(!sent.body.includes('betas'));
  });

  test('streams through the helper', async () => {
    const model = 'mock-c9-b3';
    const answer = await messages.messages.stream(message(model)).finalMessage();
    const expected = await directChats.chat.completions.create(chat(model));
    assert.equal(textOf(answer.content), expected.choices[0].message.content);
    assert.equal(answer.stop_reason, 'end_turn');
    assert.equal(answer.usage.output_tokens, 27);
    assert.equal(answer.usage.input_tokens, expected.usage.prompt_tokens);
  });

  test('is told what was counted where the upstream reports nothing', async () => {
    const answer = await messages.messages.stream(message('mock-c9-u0')).finalMessage();
    assert.equal(answer.usage.output_tokens, 9);
    const { data, response } = await messages.messages.create(message('mock-c9-u0')).withResponse();
    assert.equal(data.usage.output_tokens, 9);
    const row = await toGpt.books.rowOf(response.headers.get('request-id'));
    assert.equal(row.basis, 'counted');
  });

  for (const streamed of [false, true]) {
    const answerTo = (body) =>
      streamed ? messages.messages.stream(body).finalMessage() : messages.messages.create(body);

    test(`has parallel calls, ${streamed ? 'streamed' : 'whole'}`, async () => {
      const answer = await answerTo(message('mock-t', { tools }));
      const calls = answer.content.filter((block) => block.type === 'tool_use');
      assert.deepEqual(calls.map((each) => each.name), names);
      for (const each of calls) assert.equal(typeof each.input, 'object');
      assert.equal(answer.stop_reason, 'tool_use');
    });

    test(`has thinking, ${streamed ? 'streamed' : 'whole'}`, async () => {
      const answer = await answerTo(message('mock-c4-k', { max_tokens: 4000 }));
      const types = answer.content.map((block) => block.type);
      assert.deepEqual(types, ['thinking', 'text']);
      assert.equal(words(answer.content[0].thinking), 4);
      assert.match(answer.content[0].signature, /^gwsig1\./);
    });
  }

  test('sees its own classes of errors', async () => {
    const classes = {
      400: Anthropic.BadRequestError,
      404: Anthropic.NotFoundError,
      429: Anthropic.RateLimitError,
      500: Anthropic.InternalServerError,
      503: Anthropic.InternalServerError,
    };
    for (const [status, expected] of Object.entries(classes)) {
      const error = await refusal(messages.messages.create(message(`mock-e${status}`)));
      assert.ok(error instanceof expected, `${status}: ${error}`);
      assert.equal(error.error.type, 'error');
    }
  });

  test('is refused what cannot be converted', async () => {
    const model = 'mock-c1-b8';
    const source = { type: 'file', file_id: 'file_1' };
    const content = [{ type: 'document', source }];
    const error = await refusal(
      messages.messages.create(message(model, { messages: [{ role: 'user', content }] })),
    );
    assert.ok(error instanceof Anthropic.BadRequestError, String(error));
    assert.equal((await mock.requestsFor(model)).length, 0);
  });
});

test('the model of converted answers may be the upstream\'s own', async () => {
  const rules = [{ type: 'exact', pattern: 'alias', target: 'an', model: 'mock-c2' }];
  const gateway = await gatewayTo('an', mock.url, { routing: { rules, response_model: 'upstream' } });
  const client = openai(gateway, { apiKey: clientKey });
  assert.equal((await client.chat.completions.create(chat('alias'))).model, 'mock-c2');
  const [first] = await all(await client.chat.completions.create(chat('alias', { stream: true })));
  assert.equal(first.model, 'mock-c2');
});

const lanes = {
  'OpenAI to Anthropic': {
    gateway: toClaude,
    to: 'an',
    route: '/v1/chat/completions',
    body: chat,
    upstream: an,
    stream: (model, options) =>
      chats.chat.completions.create(chat(model, { stream: true }), options),
    code: (error) => error.code,
    foreign: /message_stop|event: /,
  },
  'Anthropic to OpenAI': {
    gateway: toGpt,
    to: 'oa',
    route: '/v1/messages',
    body: message,
    upstream: { ...oa, start: oa.role },
    stream: (model, options) => messages.messages.create(message(model, { stream: true }), options),
    code: (error) => error.details.error_code,
    foreign: /\[DONE\]|chat\.completion/,
  },
};

for (const [name, lane] of Object.entries(lanes)) {
  describe(`${name}:`, async () => {
    const { gateway, route, body } = lane;
    const key = clientKey;

    test('a client that leaves closes the upstream', async () => {
      const model = `mock-c2000-i5-b${lane.to === 'an' ? 2 : 3}`;
      const stream = await lane.stream(model);
      for await (const event of stream) if (event) break;
      stream.controller.abort();
      await mock.abortOf(model);
    });

    test('a stream that is cut ends with an error frame', async () => {
      const answer = await call(gateway, { key, route, body: body('mock-c9-x4', { stream: true }) });
      assert.equal(answer.status, 200);
      assert.equal(answer.output, 4);
      assert.equal(answer.done, false);
      assert.equal(lane.code(answer.error), 'upstream_stream_interrupted');
      assert.doesNotMatch(answer.text.replaceAll('event: error', ''), lane.to === 'an' ? /event: / : /\[DONE\]/);
    });

    test('a missing terminal event is made up for', async () => {
      const answer = await call(gateway, { key, route, body: body('mock-c9-d0', { stream: true }) });
      assert.equal(answer.done, true, answer.text.slice(-400));
      assert.equal(answer.error, undefined);
    });

    test('a stream that comes in single bytes is the same', async () => {
      const more = { stream: true };
      const split = await call(gateway, { key, route, body: body('mock-c9-z1', more) });
      const plain = await call(gateway, { key, route, body: body('mock-c9', more) });
      assert.equal(split.output, plain.output);
      assert.equal(split.done, true);
      assert.doesNotMatch(split.text, lane.foreign.source.includes('DONE') ? lane.foreign : /message_stop/);
    });

    test('a stream stops where its tokens end, and is charged for what came', async () => {
      const answer = await call(gateway, {
        ...{ key: 'sk-stream-0123456789', route, id: `cut-${lane.to}` },
        body: body('mock-c400', { stream: true, max_tokens: 900 }),
      });
      assert.equal(lane.code(answer.error), 'budget_exhausted', answer.text.slice(-300));
      assert.equal(answer.done, false);
      const { used_tokens } = gateway.books.key('stream');
      assert.equal(used_tokens, kPrompt.openai + answer.output);
      assert.equal(used_tokens, kQuota);
      const row = await gateway.books.rowOf(`cut-${lane.to}`);
      assert.equal(row.outcome, 'cut');
      gateway.books.check();
    });

    test('a whole answer is asked for no longer than its tokens last', async () => {
      const answer = await call(gateway, {
        ...{ key: 'sk-whole-0123456789', route },
        body: body('mock-c400', { max_tokens: 900 }),
      });
      assert.equal(answer.status, 200, answer.text);
      assert.equal(answer.finish, lane.to === 'an' ? 'length' : 'max_tokens');
      const { used_tokens } = gateway.books.key('whole');
      assert.equal(used_tokens, kPrompt.openai + answer.output);
      assert.ok(used_tokens <= kQuota);
    });

    test('an error event of the upstream is told in the words of the client', async () => {
      const upstream = await startUpstream();
      const own = await gatewayTo(lane.to, upstream.url);
      const model = upstream.on('erring', ({ socket }) => {
        const { start, text, error } = lane.upstream;
        const busy = { type: 'overloaded_error', message: 'busy' };
        socket.write(
          kStreamHead + chunk(start()) + chunk(text('half')) + chunk(error(busy)) + kLastChunk,
        );
      });
      const answer = await call(own, { key, route, body: body(model, { stream: true }) });
      assert.equal(answer.output, 1);
      assert.ok(answer.error, answer.text);
      assert.equal(answer.done, false);
    });
  });
}

test('a fallback of the other dialect answers for a provider that fails', async () => {
  const down = await startUpstream();
  const { providers } = configFor(mock.url);
  providers[0].base_url = `${down.url}/v1`;
  const gateway = await startGateway(
    configFor(mock.url, {
      keys,
      providers,
      routing: {
        retry: { budget: 1, attempts: 1 },
        fallbacks: [{ from: 'oa', to: [{ target: 'an', model: 'mock-c5' }] }],
      },
    }),
  );
  const client = openai(gateway, { apiKey: clientKey });
  const model = down.on('failing', ({ socket }) => socket.write(json(503, {})));
  const { data, response } = await client.chat.completions.create(chat(model)).withResponse();
  assert.equal(response.headers.get('x-sluice-provider'), 'an');
  assert.equal(response.headers.get('x-sluice-attempts'), '2');
  assert.equal(words(data.choices[0].message.content), 5);
  assert.equal(data.model, model);
  const streamed = await client.chat.completions
    .stream(chat(model))
    .finalChatCompletion();
  assert.equal(words(streamed.choices[0].message.content), 5);
});
