// How many tokens a prompt is, asked through the official clients.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { anthropic, kHello, openai, refusal } from '../harness/clients.mjs';
import { configFor, kClientKey, startGateway } from '../harness/gateway.mjs';
import { startMock } from '../harness/mock.mjs';

const mock = await startMock();
const both = await startGateway(configFor(mock.url));
const alone = await startGateway(configFor(mock.url, { providers: [] }));
const limited = await startGateway(
  configFor(mock.url, { keys: [{ key: kClientKey, name: 'tester', models: ['gpt-4o'] }] }),
);

const weather = {
  description: 'Get the current weather in a given location',
  parameters: {
    type: 'object',
    properties: {
      location: { type: 'string', description: 'The city and state, e.g. San Francisco, CA' },
      unit: {
        type: 'string',
        description: 'The unit of temperature to return',
        enum: ['celsius', 'fahrenheit'],
      },
    },
    required: ['location'],
  },
};

describe('messages.countTokens', () => {
  test('is answered by the upstream that can count', async () => {
    const ask = { model: 'mock-c3', messages: kHello };
    const { data, response } = await anthropic(both).messages.countTokens(ask).withResponse();
    const expected = await anthropic({ url: mock.url }).messages.countTokens(ask);
    assert.deepEqual(data.input_tokens, expected.input_tokens);
    assert.equal(response.headers.get('x-sluice-provider'), 'an');
    const line = await both.requestLine({ route: '/v1/messages/count_tokens' });
    assert.equal(line.status, 200);
    assert.equal(line.key, 'tester');
    assert.equal(line.model, 'mock-c3');
  });

  // Pitfall 33 of src/dialect/chat/testdata/README.md.
  test('is counted by the gateway where the upstream fails', async () => {
    const ask = { model: 'mock-e500', messages: kHello };
    const { data, response } = await anthropic(both).messages.countTokens(ask).withResponse();
    // 3 for the answer, 4 for the message, and "Hello".
    assert.equal(data.input_tokens, 8);
    assert.equal(response.headers.get('x-sluice-provider'), null);
  });

  test('is counted by the gateway where there is no upstream', async () => {
    const client = anthropic(alone);
    const plain = await client.messages.countTokens({ model: 'mock', messages: kHello });
    assert.equal(plain.input_tokens, 8);
    const claude = await client.messages.countTokens({
      model: 'claude-sonnet-4-6',
      system: 'You are a scientist',
      messages: [{ role: 'user', content: 'Hello, Claude' }],
      tools: [{ name: 'get_weather', input_schema: weather.parameters }],
    });
    assert.ok(claude.input_tokens > 360 && claude.input_tokens < 700, `${claude.input_tokens}`);
  });

  test('is the same with and without the version in the address', async () => {
    for (const path of ['/v1/messages/count_tokens', '/messages/count_tokens']) {
      const answer = await alone.post(path, { model: 'mock', messages: kHello });
      assert.equal(answer.status, 200);
      assert.deepEqual(await answer.json(), { input_tokens: 8 });
    }
  });

  test('refuses as inference does', async () => {
    const stranger = anthropic(alone, { apiKey: 'sk-nobody' });
    const unknown = await refusal(
      stranger.messages.countTokens({ model: 'mock', messages: kHello }),
    );
    assert.equal(unknown.status, 401);
    assert.equal(unknown.error.error.type, 'authentication_error');
    const other = await refusal(
      anthropic(limited).messages.countTokens({ model: 'mock', messages: kHello }),
    );
    assert.equal(other.status, 403);
    const empty = await refusal(
      anthropic(alone).messages.countTokens({ model: 'mock', messages: [] }),
    );
    assert.equal(empty.status, 400);
    assert.equal(empty.error.error.type, 'invalid_request_error');
  });
});

describe('responses.inputTokens.count', () => {
  test('counts text, instructions and tools as OpenAI reports them', async () => {
    const client = openai(alone);
    const plain = await client.responses.inputTokens.count({ model: 'gpt-4o', input: 'Hello' });
    assert.deepEqual({ ...plain }, { object: 'response.input_tokens', input_tokens: 8 });
    const tools = await client.responses.inputTokens.count({
      model: 'gpt-4o',
      instructions: 'You are a helpful assistant that can answer to questions about the weather.',
      input: "What's the weather like in San Francisco?",
      tools: [{ type: 'function', name: 'get_current_weather', ...weather }],
    });
    assert.equal(tools.input_tokens, 101);
  });

  test('counts a long prompt without holding up the others', async () => {
    const client = openai(alone);
    const long = client.responses.inputTokens.count({
      model: 'gpt-4o',
      input: ' word'.repeat(1_000_000),
    });
    const short = await client.responses.inputTokens.count({ model: 'gpt-4o', input: 'Hello' });
    assert.equal(short.input_tokens, 8);
    assert.equal((await long).input_tokens, 1_000_007);
  });

  test('refuses in the shape of its dialect', async () => {
    const bad = await refusal(openai(alone).responses.inputTokens.count({ input: 'Hello' }));
    assert.equal(bad.status, 400);
    assert.equal(bad.param, 'model');
    const unknown = await refusal(
      openai(alone, { apiKey: 'sk-nobody' }).responses.inputTokens.count({
        model: 'gpt-4o',
        input: 'Hello',
      }),
    );
    assert.equal(unknown.code, 'invalid_api_key');
  });
});
