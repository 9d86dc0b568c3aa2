// The official clients of OpenAI and Anthropic on a provider that speaks Gemini's dialect.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { all, anthropic, chat, message, openai, refusal } from '../harness/clients.mjs';
import { configFor, kClientKey, startGateway } from '../harness/gateway.mjs';
import { Books, words } from '../harness/metering.mjs';
import { header, startMock } from '../harness/mock.mjs';
import { chunk, json, kLastChunk, kStreamHead, startUpstream } from '../harness/upstream.mjs';

const kGoogleKey = 'AIza-upstream-fedcba9876543210';
const mock = await startMock();

/// A gateway whose only provider speaks Gemini's dialect. The scripted models sign their calls as
/// Gemini 3 does.
async function gatewayTo(url, changes = {}) {
  const gateway = await startGateway(
    configFor(url, {
      routing: { retry: { attempts: 1 } },
      ...changes,
      providers: [
        { name: 'google', type: 'gemini', base_url: url, api_keys: [kGoogleKey], default: true },
      ],
    }),
  );
  gateway.books = new Books(gateway.folder);
  return gateway;
}

const gateway = await gatewayTo(mock.url);
const chats = openai(gateway);
const messages = anthropic(gateway);
const lastSent = async (model) => {
  const sent = (await mock.requestsFor(model)).at(-1);
  return { ...sent, body: JSON.parse(sent.body) };
};
const rowOf = (response) => gateway.books.rowOf(response.headers.get('x-request-id'));

const parameters = {
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
  additionalProperties: false,
};
const names = ['get_weather', 'tools.get-time'];
const functions = names.map((name) => ({ type: 'function', function: { name, parameters } }));
const tools = names.map((name) => ({ name, input_schema: parameters }));
const kPng =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/iZk9HQAAAABJRU5ErkJggg==';
const textOf = (content) => content.map((block) => block.text ?? '').join('');

describe('a count of tokens', () => {
  test("is Gemini's own, for what it would be sent", async () => {
    const model = 'mock-c3-b2';
    const ask = {
      model,
      system: 'You are a scientist',
      messages: [{ role: 'user', content: 'Hello there, Gemini' }],
      tools,
    };
    const { data, response } = await messages.messages.countTokens(ask).withResponse();
    assert.equal(response.headers.get('x-sluice-provider'), 'google');
    const sent = await lastSent(model);
    assert.equal(sent.target, `/v1beta/models/${model}:countTokens`);
    assert.equal(sent.body.generateContentRequest.model, `models/${model}`);
    assert.equal(
      sent.body.generateContentRequest.systemInstruction.parts[0].text,
      'You are a scientist',
    );
    const direct = await fetch(`${mock.url}/v1beta/models/${model}:countTokens`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-goog-api-key': kGoogleKey },
      body: JSON.stringify(sent.body),
    });
    assert.deepEqual(data, { input_tokens: (await direct.json()).totalTokens });

    const responses = await gateway.post('/v1/responses/input_tokens', {
      model,
      input: 'Hello there, Gemini',
    });
    assert.equal(responses.headers.get('x-sluice-provider'), 'google');
    assert.equal((await responses.json()).object, 'response.input_tokens');
  });

  test("is the gateway's where Gemini does not answer", async () => {
    for (const model of ['mock-e500', 'mock-e400', 'mock-e404']) {
      const { data, response } = await messages.messages
        .countTokens({ model, messages: [{ role: 'user', content: 'Hello' }] })
        .withResponse();
      assert.equal(response.headers.get('x-sluice-provider'), null);
      assert.ok(data.input_tokens > 0);
    }
  });
});

describe('an OpenAI client', () => {
  test('has a whole answer, and what it cost', async () => {
    const model = 'mock-c7-b3';
    const { data, response } = await chats.chat.completions
      .create(chat(model, { logit_bias: { 1: 1 } }))
      .withResponse();
    assert.match(data.id, /^chatcmpl-/);
    assert.equal(data.model, model);
    assert.equal(words(data.choices[0].message.content), 21);
    assert.equal(data.choices[0].finish_reason, 'stop');
    assert.equal(data.usage.completion_tokens, 21);
    assert.equal(response.headers.get('x-sluice-dropped'), 'logit_bias');
    const row = await rowOf(response);
    assert.equal(row.basis, 'reported');
    assert.equal(row.output_tokens, 21);
    assert.equal(row.input_tokens, data.usage.prompt_tokens);
    const sent = await lastSent(model);
    assert.equal(sent.target, `/v1beta/models/${model}:generateContent`);
    assert.equal(header(sent, 'x-goog-api-key'), kGoogleKey);
    assert.equal(header(sent, 'authorization'), undefined);
    assert.deepEqual(sent.body.contents, [{ role: 'user', parts: [{ text: 'Hello' }] }]);
  });

  test('has a stream, and the same counts', async () => {
    const model = 'mock-c9-b2';
    const stream = await chats.chat.completions
      .create(chat(model, { stream: true, stream_options: { include_usage: true } }))
      .withResponse();
    const chunks = await all(stream.data);
    const text = chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('');
    assert.equal(words(text), 18);
    assert.equal(chunks.at(-1).usage.completion_tokens, 18);
    const row = await rowOf(stream.response);
    assert.equal(row.output_tokens, 18);
    assert.equal(row.counted_output, 18);
    assert.equal(row.basis, 'reported');
    const { target } = await lastSent(model);
    assert.equal(target, `/v1beta/models/${model}:streamGenerateContent?alt=sse`);
  });

  for (const stream of [false, true]) {
    test(`plays parallel calls back with their signature, ${stream ? 'streamed' : 'whole'}`, async () => {
      const model = `mock-t-v-z${stream ? 90001 : 90002}`;
      const request = chat(model, { tools: functions });
      const answer = stream
        ? await chats.chat.completions.stream(request).finalChatCompletion()
        : await chats.chat.completions.create(request);
      const [{ message: said, finish_reason }] = answer.choices;
      assert.equal(finish_reason, 'tool_calls');
      assert.deepEqual(said.tool_calls.map((each) => each.function.name), names);
      const { thought_signature: signature } = said.tool_calls[0].extra_content.google;
      assert.ok(signature.length > 8);
      const results = said.tool_calls.map(({ id }) => ({
        role: 'tool',
        tool_call_id: id,
        content: `of ${id}`,
      }));
      // Given in another order than asked for.
      const again = chat(model, {
        messages: [...request.messages, said, ...results.reverse()],
        tools: functions,
      });
      await chats.chat.completions.create(again);
      const { contents } = (await lastSent(model)).body;
      assert.equal(contents[1].parts[0].thoughtSignature, signature);
      assert.deepEqual(
        contents[2].parts.map((part) => part.functionResponse.name),
        names,
      );
    });
  }

  // Pitfall 44 of src/dialect/chat/testdata/README.md.
  test('may come from another provider with its calls', async () => {
    const model = 'mock-c2-v';
    const { choices } = await chats.chat.completions.create(
      chat(model, {
        messages: [
          { role: 'user', content: 'Hello' },
          {
            role: 'assistant',
            content: null,
            tool_calls: [
              { id: 'call_1', type: 'function', function: { name: names[0], arguments: '{}' } },
            ],
          },
          { role: 'tool', tool_call_id: 'call_1', content: 'fine' },
        ],
        tools: functions,
      }),
    );
    assert.equal(words(choices[0].message.content), 2);
  });

  test('sends images, and has JSON by a schema', async () => {
    const model = 'mock-c3-b1';
    await chats.chat.completions.create(
      chat(model, {
        messages: [
          { role: 'system', content: 'Be brief.' },
          {
            role: 'user',
            content: [
              { type: 'text', text: 'What is this?' },
              { type: 'image_url', image_url: { url: `data:image/png;base64,${kPng}` } },
            ],
          },
        ],
        response_format: {
          type: 'json_schema',
          json_schema: { name: 'place', strict: true, schema: parameters },
        },
      }),
    );
    const { body } = await lastSent(model);
    assert.deepEqual(body.systemInstruction, { parts: [{ text: 'Be brief.' }] });
    assert.deepEqual(body.contents[0].parts[1].inlineData, { mimeType: 'image/png', data: kPng });
    assert.equal(body.generationConfig.responseMimeType, 'application/json');
    assert.deepEqual(body.generationConfig.responseJsonSchema, parameters);
  });

  test('reads the thoughts it has asked for', async () => {
    const model = 'mock-c3-k';
    const { choices, usage } = await chats.chat.completions.create(
      chat(model, { reasoning_effort: 'low' }),
    );
    assert.equal(words(choices[0].message.reasoning_content), 4);
    assert.ok(usage.completion_tokens_details.reasoning_tokens > 0);
    const { thinkingConfig } = (await lastSent(model)).body.generationConfig;
    assert.deepEqual(thinkingConfig, { thinkingLevel: 'LOW', includeThoughts: true });
  });
});

describe('an Anthropic client', () => {
  test('has a whole answer and a stream of the same', async () => {
    const model = 'mock-c8-b2';
    const whole = await messages.messages.create(message(model));
    const streamed = await messages.messages.stream(message(model)).finalMessage();
    for (const answer of [whole, streamed]) {
      assert.match(answer.id, /^msg_/);
      assert.equal(answer.model, model);
      assert.equal(answer.stop_reason, 'end_turn');
      assert.equal(words(textOf(answer.content)), 16);
      assert.equal(answer.usage.output_tokens, 16);
    }
    assert.equal(whole.usage.input_tokens, streamed.usage.input_tokens);
    assert.equal((await lastSent(model)).body.generationConfig.maxOutputTokens, 1000);
  });

  for (const stream of [false, true]) {
    test(`plays thinking and calls back, ${stream ? 'streamed' : 'whole'}`, async () => {
      const model = `mock-c2-t-k-v-z${stream ? 90003 : 90004}`;
      const request = message(model, { tools, thinking: { type: 'adaptive' } });
      const answer = stream
        ? await messages.messages.stream(request).finalMessage()
        : await messages.messages.create(request);
      const calls = answer.content.filter((block) => block.type === 'tool_use');
      assert.equal(answer.stop_reason, 'tool_use');
      assert.deepEqual(calls.map((each) => each.name), names);
      const before = answer.content[answer.content.indexOf(calls[0]) - 1];
      assert.equal(before.type, 'thinking');
      assert.match(before.signature, /^gwsig1\.google\./);
      const next = await messages.messages.create({
        ...request,
        messages: [
          ...request.messages,
          { role: 'assistant', content: answer.content },
          {
            role: 'user',
            content: calls.map(({ id }) => ({
              type: 'tool_result',
              tool_use_id: id,
              content: [
                { type: 'text', text: 'fine' },
                { type: 'image', source: { type: 'base64', media_type: 'image/png', data: kPng } },
              ],
            })),
          },
        ],
      });
      assert.ok(next.content.length > 0);
      const [, said, results] = (await lastSent(model)).body.contents;
      const signed = said.parts.filter((part) => part.thoughtSignature);
      assert.equal(signed.length, 1);
      assert.notEqual(signed[0].thoughtSignature, 'skip_thought_signature_validator');
      assert.equal(results.parts.length, 2);
      assert.equal(results.parts[0].functionResponse.parts[0].inlineData.data, kPng);
    });
  }

  test('has a limit', async () => {
    const answer = await messages.messages.create(message('mock-c20', { max_tokens: 5 }));
    assert.equal(answer.stop_reason, 'max_tokens');
    assert.equal(answer.usage.output_tokens, 5);
  });

  test('has tokens counted', async () => {
    const { input_tokens: tokens } = await messages.messages.countTokens({
      model: 'mock-c1',
      messages: [{ role: 'user', content: 'Hello there' }],
    });
    assert.ok(tokens >= 2 && tokens < 30, `${tokens}`);
  });

  test('finds the models', async () => {
    const listed = await all(messages.models.list());
    const flash = listed.find(({ id }) => id === 'gemini-2.5-flash');
    assert.ok(flash);
    assert.notEqual(flash.display_name, '');
    const chatModels = await all(chats.models.list());
    assert.deepEqual(
      chatModels.map(({ id }) => id),
      listed.map(({ id }) => id),
    );
  });

  test("may call a model by Google's full name", async () => {
    const answer = await messages.messages.create(message('models/gemini-2.5-flash'));
    assert.equal(answer.model, 'models/gemini-2.5-flash');
  });
});

describe('errors', () => {
  const upstream = startUpstream();
  const faulty = upstream.then(({ url }) => gatewayTo(url));
  const patient = upstream.then(({ url }) =>
    gatewayTo(url, { routing: { retry: { attempts: 2, backoff: '1ms' } } }),
  );

  test('a limit says when to come back', async () => {
    const error = await refusal(messages.messages.create(message('mock-e429-r7')));
    assert.equal(error.status, 429);
    assert.equal(error.headers.get('retry-after'), '7');
    assert.equal(error.error.error.type, 'rate_limit_error');
    const same = await refusal(chats.chat.completions.create(chat('mock-e429-r7')));
    assert.equal(same.status, 429);
    assert.equal(same.headers.get('retry-after'), '7');
  });

  test('an upstream that is busy, or at fault', async () => {
    for (const status of [500, 503]) {
      const error = await refusal(chats.chat.completions.create(chat(`mock-e${status}`)));
      assert.ok(error.status >= 500, `${error.status}`);
      assert.equal(error.type, 'server_error');
    }
  });

  test('a request at fault is told in the words of Google', async () => {
    const error = await refusal(chats.chat.completions.create(chat('mock-e400')));
    assert.equal(error.status, 400);
    assert.equal(error.type, 'invalid_request_error');
    assert.match(error.message, /refuses/);
  });

  test("the gateway's own key is no fault of the client's", async () => {
    const model = 'bad-key';
    const body = JSON.stringify([
      {
        error: {
          code: 400,
          message: 'API key not valid. Please pass a valid API key.',
          status: 'INVALID_ARGUMENT',
          details: [
            { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'API_KEY_INVALID' },
          ],
        },
      },
    ]);
    answerTo(await upstream, model, json(400, body));
    const error = await refusal(openai(await faulty).chat.completions.create(chat(model)));
    assert.equal(error.status, 502);
    assert.equal(error.code, 'upstream_auth');
  });

  test('a prompt that is blocked is a refusal', async () => {
    const model = 'blocked';
    const body = JSON.stringify({
      promptFeedback: { blockReason: 'PROHIBITED_CONTENT' },
      usageMetadata: { promptTokenCount: 9, totalTokenCount: 9 },
    });
    const events = kStreamHead + chunk(`data: ${body}\r\n\r\n`) + kLastChunk;
    answerTo(await upstream, model, json(200, body));
    const { choices } = await openai(await faulty).chat.completions.create(chat(model));
    assert.equal(choices[0].finish_reason, 'content_filter');
    const whole = await anthropic(await faulty).messages.create(message(model));
    assert.equal(whole.stop_reason, 'refusal');
    answerTo(await upstream, `${model}-stream`, events);
    const stream = anthropic(await faulty).messages.stream(message(`${model}-stream`));
    assert.equal((await stream.finalMessage()).stop_reason, 'refusal');
  });

  for (const stream of [false, true]) {
    test(`a call that could not be written is tried again, ${stream ? 'streamed' : 'whole'}`, async () => {
      const model = `malformed-${stream}`;
      const candidate = (rest) => JSON.stringify({ candidates: [rest], responseId: 'r1' });
      const send = (body) =>
        stream ? kStreamHead + chunk(`data: ${body}\r\n\r\n`) + kLastChunk : json(200, body);
      const malformed = candidate({ finishReason: 'MALFORMED_FUNCTION_CALL', content: {} });
      const call = { functionCall: { name: names[0], args: { city: 'Ulm' } } };
      const fine = candidate({ finishReason: 'STOP', content: { parts: [call] } });
      const faults = await upstream;
      faults.on(model, [
        ({ socket }) => socket.end(send(malformed)),
        ({ socket }) => socket.end(send(fine)),
      ]);
      const client = openai(await patient);
      const request = chat(model, { tools: functions });
      const answer = stream
        ? await client.chat.completions.stream(request).finalChatCompletion()
        : await client.chat.completions.create(request);
      assert.equal(faults.of(model).length, 2);
      const [{ function: called }] = answer.choices[0].message.tool_calls;
      assert.deepEqual(called, { name: names[0], arguments: '{"city":"Ulm"}' });
    });
  }

  test('a stream that breaks off is never presented as whole', async () => {
    const stream = await chats.chat.completions.create(chat('mock-c5-x2', { stream: true }));
    const error = await refusal(all(stream));
    assert.match(error.message, /ended|closed|broke|upstream/i);
    await assert.rejects(messages.messages.stream(message('mock-c5-w')).finalMessage());
  });

  test('a client that leaves ends the generation', async () => {
    const model = 'mock-c500-i20';
    const stream = await chats.chat.completions.create(chat(model, { stream: true }));
    for await (const each of stream) {
      if (each.choices[0]?.delta.content) break;
    }
    assert.ok(await mock.abortOf(model));
  });

  test('what reports no usage is counted', async () => {
    const { data, response } = await chats.chat.completions
      .create(chat('mock-c6-b2-u0'))
      .withResponse();
    assert.equal(data.usage.completion_tokens, 12);
    const row = await rowOf(response);
    assert.equal(row.output_tokens, 12);
    assert.notEqual(row.basis, 'reported');
  });
});

function answerTo(upstream, model, answer) {
  upstream.on(model, ({ socket }) => socket.end(answer));
}
