// Chat through the official OpenAI client.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { all, chat, kHello, openai } from '../harness/clients.mjs';
import { configFor, startGateway } from '../harness/gateway.mjs';
import { header, startMock } from '../harness/mock.mjs';

const mock = await startMock();
const gateway = await startGateway(configFor(mock.url));
const client = openai(gateway);
const direct = openai({ url: mock.url });

const tools = ['get_weather', 'get_time'].map((name) => ({
  type: 'function',
  function: {
    name,
    description: name,
    parameters: { type: 'object', properties: { city: { type: 'string' } } },
  },
}));

function textOf(chunks) {
  return chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('');
}

describe('chat, not streamed', () => {
  test('has the answer, its usage and its finish reason', async () => {
    const answer = await client.chat.completions.create(chat('mock-c7-b3'));
    const expected = await direct.chat.completions.create(chat('mock-c7-b3'));
    assert.equal(answer.object, 'chat.completion');
    assert.equal(answer.model, 'mock-c7-b3');
    assert.equal(answer.choices[0].finish_reason, 'stop');
    assert.equal(answer.choices[0].message.content, expected.choices[0].message.content);
    assert.deepEqual(answer.usage, expected.usage);
  });

  test('says who answered, and after how many attempts', async () => {
    const { response } = await client.chat.completions.create(chat('mock-c1')).withResponse();
    assert.equal(response.headers.get('x-sluice-provider'), 'oa');
    assert.equal(response.headers.get('x-sluice-model'), 'mock-c1');
    assert.equal(response.headers.get('x-sluice-attempts'), '1');
  });

  test('passes the headers on that OpenAI clients read', async () => {
    const { response } = await client.chat.completions.create(chat('mock-c1')).withResponse();
    for (const name of [
      'openai-organization',
      'openai-version',
      'openai-processing-ms',
      'x-ratelimit-limit-requests',
      'x-ratelimit-remaining-tokens',
    ]) {
      assert.ok(response.headers.get(name), name);
    }
  });

  test('works without /v1 in the base URL', async () => {
    const answer = await openai(gateway, {
      baseURL: gateway.url,
    }).chat.completions.create(chat('mock-c2'));
    assert.equal(answer.choices[0].finish_reason, 'stop');
  });

  test('has both of two choices', async () => {
    const answer = await client.chat.completions.create(chat('mock-c3', { n: 2 }));
    assert.deepEqual(
      answer.choices.map((choice) => choice.index),
      [0, 1],
    );
  });

  test('has parallel tool calls', async () => {
    const answer = await client.chat.completions.create(chat('mock-c0-t', { tools }));
    assert.equal(answer.choices[0].finish_reason, 'tool_calls');
    const calls = answer.choices[0].message.tool_calls;
    assert.deepEqual(
      calls.map((call) => call.function.name),
      ['get_weather', 'get_time'],
    );
    for (const call of calls) JSON.parse(call.function.arguments);
  });
});

describe('chat, streamed', () => {
  test('has the same text as the upstream', async () => {
    const model = 'mock-c30-i1-b2';
    const chunks = await all(await client.chat.completions.create(chat(model, { stream: true })));
    const expected = await direct.chat.completions.create(chat(model));
    assert.equal(textOf(chunks), expected.choices[0].message.content);
    assert.equal(chunks.at(-1).choices[0].finish_reason, 'stop');
    assert.equal(new Set(chunks.map((chunk) => chunk.id)).size, 1);
    for (const chunk of chunks) assert.equal(chunk.model, model);
  });

  test('comes event by event, not at the end', async () => {
    const stream = await client.chat.completions.create(chat('mock-c3-i150', { stream: true }));
    const times = [];
    for await (const chunk of stream) {
      if (chunk.choices[0].delta.content) times.push(performance.now());
    }
    assert.equal(times.length, 3);
    assert.ok(
      times[2] - times[0] > 200,
      `the first came only ${times[2] - times[0]} ms before the last`,
    );
  });

  test('survives an upstream that sends byte by byte', async () => {
    const whole = await all(
      await client.chat.completions.create(chat('mock-c5', { stream: true })),
    );
    const split = await all(
      await client.chat.completions.create(chat('mock-c5-z1', { stream: true })),
    );
    assert.equal(split.length, whole.length);
    assert.equal(split.at(-1).choices[0].finish_reason, 'stop');
  });

  test('serves the stream helper', async () => {
    const runner = client.chat.completions.stream(chat('mock-c12-i1'));
    let deltas = '';
    runner.on('content', (delta) => (deltas += delta));
    const final = await runner.finalChatCompletion();
    assert.equal(final.choices[0].message.content, deltas);
    assert.equal(final.choices[0].finish_reason, 'stop');
  });

  test('assembles parallel tool calls', async () => {
    const runner = client.chat.completions.stream(chat('mock-c2-i1-t', { tools }));
    const final = await runner.finalChatCompletion();
    assert.equal(final.choices[0].finish_reason, 'tool_calls');
    const calls = final.choices[0].message.tool_calls;
    assert.deepEqual(
      calls.map((call) => call.function.name),
      ['get_weather', 'get_time'],
    );
    assert.equal(new Set(calls.map((call) => call.id)).size, 2);
    for (const call of calls) assert.ok(JSON.parse(call.function.arguments));
  });

  test('streams an answer whose model is unknown to the mock', async () => {
    const chunks = await all(
      await client.chat.completions.create(chat('gpt-4o', { stream: true })),
    );
    assert.match(textOf(chunks), /^Hello! This answer comes word by word/);
  });
});

describe('usage of a stream', () => {
  test('is there when it was asked for, in a chunk of its own', async () => {
    const request = chat('mock-c6', {
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks = await all(await client.chat.completions.create(request));
    assert.deepEqual(chunks.at(-1).choices, []);
    assert.equal(chunks.at(-1).usage.completion_tokens, 6);
    assert.equal(chunks.filter((chunk) => chunk.usage).length, 1);
  });

  test('is not there when it was not, although the gateway asked for it', async () => {
    const model = 'mock-c6-b5';
    const chunks = await all(await client.chat.completions.create(chat(model, { stream: true })));
    assert.ok(chunks.every((chunk) => !chunk.usage && chunk.choices.length === 1));
    const [sent] = await mock.requestsFor(model);
    assert.equal(JSON.parse(sent.body).stream_options.include_usage, true);
  });

  test('is counted in the log though the client did not ask for it', async () => {
    const { data, response } = await client.chat.completions
      .create(chat('mock-c9-b2', { stream: true }))
      .withResponse();
    await all(data);
    const line = await gateway.requestLine({
      request_id: response.headers.get('x-request-id'),
    });
    assert.equal(line.tokens_out, 18);
    assert.ok(line.tokens_in > 0);
  });

  test('is not asked for where the client declined it in so many words', async () => {
    const request = chat('mock-c6-b6', {
      stream: true,
      stream_options: { include_usage: false },
    });
    const chunks = await all(await client.chat.completions.create(request));
    assert.ok(chunks.every((chunk) => !chunk.usage && chunk.choices.length === 1));
  });
});

describe('request ids', () => {
  test('of the gateway are on the answer', async () => {
    const answer = await client.chat.completions.create(chat('mock-c1'));
    assert.match(answer._request_id, /^[A-Za-z0-9._-]{1,64}$/);
    await gateway.requestLine({ request_id: answer._request_id });
  });

  test('of the client are kept, and go upstream', async () => {
    const headers = { 'x-request-id': 'order-66.retry_1' };
    const answer = await client.chat.completions.create(chat('mock-c1-b9'), {
      headers,
    });
    assert.equal(answer._request_id, 'order-66.retry_1');
    const [sent] = await mock.requestsFor('mock-c1-b9');
    assert.equal(header(sent, 'x-request-id'), 'order-66.retry_1');
  });

  test('that are too long or strange are replaced', async () => {
    for (const id of ['x'.repeat(65), 'with space', 'semi;colon', '(c)']) {
      const headers = { 'x-request-id': id };
      const answer = await client.chat.completions.create(chat('mock-c1'), {
        headers,
      });
      assert.notEqual(answer._request_id, id);
      assert.match(answer._request_id, /^[A-Za-z0-9._-]{1,64}$/);
    }
  });
});

test('messages of every role and content parts pass', async () => {
  const messages = [
    { role: 'developer', content: 'Be brief.' },
    ...kHello,
    {
      role: 'assistant',
      content: null,
      tool_calls: [
        {
          id: 'c1',
          type: 'function',
          function: { name: 'f', arguments: '{}' },
        },
      ],
    },
    { role: 'tool', tool_call_id: 'c1', content: 'done' },
    { role: 'user', content: [{ type: 'text', text: 'And?' }] },
  ];
  const answer = await client.chat.completions.create({
    model: 'mock-c2',
    messages,
    temperature: 0.5,
  });
  assert.equal(answer.choices[0].finish_reason, 'stop');
});
