// Clients of both older dialects on models that OpenAI serves with tools over Responses only.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { all, anthropic, chat, message, openai, refusal } from '../harness/clients.mjs';
import { configFor, kClientKey, kOpenAiKey, startGateway } from '../harness/gateway.mjs';
import { Books, kPrompt } from '../harness/metering.mjs';
import { header, startMock } from '../harness/mock.mjs';

const kModels = [
  'mock-c3-b2',
  'mock-c3-b3',
  'mock-c2-b2-t-k',
  'mock-c2-t-k',
  'mock-c1-t-k',
  'mock-c4-h9',
  'mock-t-k',
  'mock-t-a6',
  'mock-c5-q3-a9',
  'mock-c6-b2',
  'mock-c1-g0',
  'mock-c9',
];
const kQuota = kPrompt.openai + 25;
const mock = await startMock();
const base = configFor(mock.url);
const gateway = await startGateway(
  configFor(mock.url, {
    providers: base.providers.filter((each) => each.name === 'oa'),
    routing: { retry: { attempts: 1 } },
    keys: [
      { key: kClientKey, name: 'tester' },
      { key: 'sk-whole-0123456789', name: 'whole', quota_tokens: kQuota },
      { key: 'sk-stream-0123456789', name: 'stream', quota_tokens: kQuota },
    ],
    models: kModels.map((name) => ({
      name,
      capabilities: {
        tools_with_reasoning: 'use_responses',
        efforts: 'none low medium high',
        effort_default: 'medium',
      },
    })),
  }),
);
const books = new Books(gateway.folder);
const chats = openai(gateway);
const messages = anthropic(gateway);
const direct = openai({ url: mock.url });

const parameters = { type: 'object', properties: { city: { type: 'string' } } };
const names = ['get_weather', 'get_time'];
const functions = names.map((name) => ({ type: 'function', function: { name, parameters } }));
const tools = names.map((name) => ({ name, input_schema: parameters }));
const thinking = { type: 'adaptive' };
const lastSent = async (model) => (await mock.requestsFor(model)).at(-1);
const textOf = (content) => content.map((block) => block.text ?? '').join('');

/// What the model says to a client of Responses itself.
async function said(model, more = {}) {
  return direct.responses.create({ model, input: 'Hello', ...more });
}

describe('an Anthropic client on a model that needs Responses', () => {
  // Pitfall 37 of src/dialect/chat/testdata/README.md.
  test('asks it there, with what it has to know', async () => {
    const model = 'mock-c3-b2';
    const answer = await messages.messages.create(
      message(model, { tools, thinking, system: 'Be brief.', stop_sequences: ['never'] }),
    );
    const sent = await lastSent(model);
    assert.equal(sent.target, '/v1/responses');
    assert.equal(header(sent, 'authorization'), `Bearer ${kOpenAiKey}`);
    const body = JSON.parse(sent.body);
    assert.equal(body.instructions, 'Be brief.');
    assert.equal(body.store, false);
    assert.deepEqual(body.reasoning, { effort: 'high', summary: 'auto' });
    assert.deepEqual(body.include, ['reasoning.encrypted_content']);
    assert.equal(body.max_output_tokens, 1000);
    assert.deepEqual(
      body.tools.map((each) => [each.type, each.name, each.strict]),
      names.map((name) => ['function', name, false]),
    );
    assert.equal(answer.model, model);
    assert.match(answer.id, /^msg_/);
    assert.equal(answer.stop_reason, 'end_turn');
    assert.equal(textOf(answer.content), (await said(model)).output_text);
  });

  test('without tools it is asked over Chat Completions', async () => {
    const model = 'mock-c3-b3';
    await messages.messages.create(message(model, { thinking }));
    assert.equal((await lastSent(model)).target, '/v1/chat/completions');
  });

  test('streams thinking, text and calls, and plays them back', async () => {
    const model = 'mock-c2-b2-t-k';
    const ask = { tools, thinking };
    const answer = await messages.messages.stream(message(model, ask)).finalMessage();
    assert.deepEqual(
      answer.content.map((block) => block.type),
      ['thinking', 'text', 'tool_use', 'tool_use'],
    );
    const [thought, , first, second] = answer.content;
    assert.ok(thought.thinking.length > 0);
    assert.match(thought.signature, /^gwsig1\.oa\./);
    assert.deepEqual([first.name, second.name], names);
    assert.equal(answer.stop_reason, 'tool_use');
    // Once more, whole: the same.
    const whole = await messages.messages.create(message(model, ask));
    assert.deepEqual(
      whole.content.map((block) => [block.type, block.text ?? block.thinking ?? block.input]),
      answer.content.map((block) => [block.type, block.text ?? block.thinking ?? block.input]),
    );
    // The mock verifies the reasoning that comes back.
    const next = await messages.messages.create(
      message(model, {
        ...ask,
        messages: [
          { role: 'user', content: 'Hello' },
          { role: 'assistant', content: answer.content },
          {
            role: 'user',
            content: [first, second].map((call) => ({
              type: 'tool_result',
              tool_use_id: call.id,
              content: 'fine',
            })),
          },
        ],
      }),
    );
    assert.equal(next.role, 'assistant');
    const { input } = JSON.parse((await lastSent(model)).body);
    assert.deepEqual(
      input.map((item) => item.type),
      ['message', 'reasoning', 'message', 'function_call', 'function_call', 'function_call_output', 'function_call_output'],
    );
    assert.ok(input[1].encrypted_content.length > 0);
  });

  test('calls without arguments have an empty input', async () => {
    const model = 'mock-t-a6';
    const answer = await messages.messages.stream(message(model, { tools, thinking })).finalMessage();
    assert.deepEqual(
      answer.content.filter((block) => block.type === 'tool_use').map((block) => block.input),
      [{}, {}],
    );
  });

  test('is told what was read from the cache, and charged for it', async () => {
    const model = 'mock-c4-h9';
    const { data, response } = await messages.messages
      .create(message(model, { tools, thinking }))
      .withResponse();
    assert.equal(data.usage.cache_read_input_tokens, 9);
    assert.equal(data.usage.output_tokens, 4);
    const row = await books.rowOf(response.headers.get('x-request-id'));
    assert.equal(row.output_tokens, 4);
    assert.equal(row.basis, 'reported');
  });

  test('sees a response that fails as an error in its own dialect', async () => {
    const model = 'mock-c5-q3-a9';
    const stream = messages.messages.stream(message(model, { tools, thinking }));
    const error = await refusal(stream.finalMessage());
    assert.equal(error.error?.type ?? error.type, 'error');
  });

  // Pitfall 38 of src/dialect/chat/testdata/README.md.
  test('an answer that reaches the limit says so', async () => {
    const model = 'mock-c6-b2';
    const answer = await messages.messages
      .stream(message(model, { tools, thinking, max_tokens: 3 }))
      .finalMessage();
    // Nothing below 16 is taken.
    assert.equal(JSON.parse((await lastSent(model)).body).max_output_tokens, 16);
    assert.equal(answer.stop_reason, 'end_turn');
  });

  test('a refusal is one', async () => {
    const model = 'mock-c1-g0';
    for (const answer of [
      await messages.messages.create(message(model, { tools, thinking })),
      await messages.messages.stream(message(model, { tools, thinking })).finalMessage(),
    ]) {
      assert.equal(answer.stop_reason, 'refusal');
      assert.ok(textOf(answer.content).length > 0);
    }
  });
});

describe('a Chat Completions client on a model that needs Responses', () => {
  test('is answered as over Chat Completions', async () => {
    const model = 'mock-c2-t-k';
    const ask = chat(model, { tools: functions, reasoning_effort: 'high' });
    const answer = await chats.chat.completions.create(ask);
    assert.equal((await lastSent(model)).target, '/v1/responses');
    const [choice] = answer.choices;
    assert.equal(answer.object, 'chat.completion');
    assert.equal(answer.model, model);
    assert.equal(choice.finish_reason, 'tool_calls');
    assert.deepEqual(
      choice.message.tool_calls.map((call) => call.function.name),
      names,
    );
    assert.ok(choice.message.reasoning_content.length > 0);
    const streamed = await chats.chat.completions
      .stream({ ...ask, stream_options: { include_usage: true } })
      .finalChatCompletion();
    assert.equal(streamed.choices[0].message.content, choice.message.content);
    assert.deepEqual(
      streamed.choices[0].message.tool_calls.map((call) => call.function.arguments),
      choice.message.tool_calls.map((call) => call.function.arguments),
    );
    assert.deepEqual(streamed.usage, answer.usage);
  });

  test('may go on with the calls and what was thought', async () => {
    const model = 'mock-c1-t-k';
    const ask = { tools: functions, reasoning_effort: 'low' };
    const answer = await chats.chat.completions.create(chat(model, ask));
    const said = answer.choices[0].message;
    await chats.chat.completions.create(
      chat(model, {
        ...ask,
        messages: [
          { role: 'user', content: 'Hello' },
          said,
          ...said.tool_calls.map((call) => ({
            role: 'tool',
            tool_call_id: call.id,
            content: 'fine',
          })),
        ],
      }),
    );
    const { input } = JSON.parse((await lastSent(model)).body);
    assert.equal(input[1].type, 'reasoning');
  });

  test('whose reasoning is off keeps its bytes', async () => {
    const model = 'mock-t-k';
    await chats.chat.completions.create(
      chat(model, { tools: functions, reasoning_effort: 'none', seed: 1 }),
    );
    const sent = await lastSent(model);
    assert.equal(sent.target, '/v1/chat/completions');
    assert.equal(JSON.parse(sent.body).seed, 1);
  });

  test('that did not ask for reasoning is not shown any, and told what was lost', async () => {
    const model = 'mock-c9';
    const { data, response } = await chats.chat.completions
      .create(chat(model, { tools: functions, seed: 1 }))
      .withResponse();
    assert.equal(response.headers.get('x-sluice-dropped'), 'seed');
    assert.equal(data.choices[0].message.reasoning_content, undefined);
    assert.equal(JSON.parse((await lastSent(model)).body).reasoning, undefined);
  });
});

describe('a client of Responses on an upstream that has it', () => {
  const ask = (model, more = {}) => ({ model, input: 'Hello', ...more });

  test('has its bytes passed, and the events as they come', async () => {
    const body = JSON.stringify(ask('mock-c4-b2-t-k-z7', { stream: true, zzz: undefined, store: false }));
    const post = async (url) =>
      fetch(`${url}/v1/responses`, {
        method: 'POST',
        headers: { authorization: `Bearer ${kClientKey}`, 'content-type': 'application/json' },
        body,
      });
    const [passed, straight] = [await post(gateway.url), await post(mock.url)];
    assert.equal((await lastSent('mock-c4-b2-t-k-z7')).body, body);
    const same = (text) => text.replaceAll(/"(id|item_id|call_id|created_at|obfuscation|encrypted_content)":("[^"]*"|\d+)/g, '');
    assert.equal(same(await passed.text()), same(await straight.text()));
  });

  test('is metered as the upstream counts', async () => {
    for (const stream of [false, true]) {
      const { data, response } = await chats.responses
        .create(ask('mock-c11-b2-k', { stream }))
        .withResponse();
      const { usage } = stream ? (await all(data)).at(-1).response : data;
      assert.equal(usage.output_tokens, 30);
      const row = await books.rowOf(response.headers.get('x-request-id'));
      assert.equal(row.output_tokens, 30);
      assert.equal(row.input_tokens, usage.input_tokens);
      assert.equal(row.basis, 'reported');
    }
  });

  test('a stream ends where its tokens do, a whole answer is asked for no longer', async () => {
    const spender = (key) => openai(gateway, { apiKey: `sk-${key}-0123456789` });
    const body = ask('mock-c400', { max_output_tokens: 900 });
    const error = await refusal(
      (async () => all(await spender('stream').responses.create({ ...body, stream: true })))(),
    );
    assert.equal(error.code, 'budget_exhausted');
    assert.equal(books.key('stream').used_tokens, kQuota);
    const answer = await spender('whole').responses.create(body);
    assert.deepEqual(answer.incomplete_details, { reason: 'max_output_tokens' });
    assert.equal(JSON.parse((await lastSent('mock-c400')).body).max_output_tokens, 25);
    assert.equal(books.key('whole').used_tokens, kQuota);
  });

  test('sees a response fail as it does, and has it in the log', async () => {
    const { data, response } = await chats.responses
      .create(ask('mock-c5-q3-a9', { stream: true }))
      .withResponse();
    const last = (await all(data)).at(-1);
    assert.equal(last.type, 'response.failed', JSON.stringify(last));
    const row = await books.rowOf(response.headers.get('x-request-id'));
    assert.equal(row.outcome, 'upstream_failed');
  });

  test('nothing runs on in the background', async () => {
    const error = await refusal(chats.responses.create(ask('mock-c1', { background: true })));
    assert.equal(error.status, 400);
    assert.equal(error.param, 'background');
  });
});
