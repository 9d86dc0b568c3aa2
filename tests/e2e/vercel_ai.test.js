// The Vercel AI SDK with the providers that its users install, on upstreams of other dialects.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { APICallError, generateText, jsonSchema, Output, streamText, tool } from 'ai';
import { kSchema, kTools } from '../harness/dialects.mjs';
import { configFor, kClientKey, startGateway } from '../harness/gateway.mjs';
import { words } from '../harness/metering.mjs';
import { startMock } from '../harness/mock.mjs';

const mock = await startMock();
const upstreams = {
  chat: { type: 'openai_compatible', base_url: `${mock.url}/v1` },
  messages: { type: 'anthropic', base_url: mock.url },
  gemini: { type: 'gemini', base_url: mock.url },
};
const tools = Object.fromEntries(
  kTools.map(({ name, description, parameters }) => [
    name,
    tool({ description, inputSchema: jsonSchema(parameters) }),
  ]),
);

for (const [upstream, provider] of Object.entries(upstreams)) {
  const gateway = await startGateway(
    configFor(mock.url, {
      providers: [{ name: 'up', api_keys: ['sk-up-0123456789'], default: true, ...provider }],
      routing: { retry: { attempts: 1 } },
    }),
  );
  const settings = { baseURL: `${gateway.url}/v1`, apiKey: kClientKey };
  const openai = createOpenAI(settings);
  const anthropic = createAnthropic(settings);
  const models = {
    'openai, chat': (name) => openai.chat(name),
    'openai, responses': (name) => openai.responses(name),
    anthropic: (name) => anthropic(name),
  };

  for (const [name, model] of Object.entries(models)) {
    describe(`${name} on ${upstream}`, () => {
      const ask = (script, more = {}) => ({
        model: model(script),
        prompt: 'Hello',
        maxRetries: 0,
        maxOutputTokens: 1000,
        ...more,
      });

      test('has text', async () => {
        const { text, usage, finishReason } = await generateText(ask('mock-c6-b3'));
        assert.equal(words(text), 18);
        assert.equal(usage.outputTokens, 18);
        assert.equal(finishReason, 'stop');
      });

      test('streams text', async () => {
        const result = streamText(ask('mock-c7-b2', { onError: () => {} }));
        let text = '';
        for await (const piece of result.textStream) text += piece;
        assert.equal(words(text), 14);
        assert.equal((await result.usage).outputTokens, 14);
        assert.equal(await result.finishReason, 'stop');
      });

      for (const streamed of [false, true]) {
        test(`has parallel calls, ${streamed ? 'streamed' : 'whole'}`, async () => {
          const wanted = ask('mock-t', { tools, onError: () => {} });
          const result = streamed ? streamText(wanted) : await generateText(wanted);
          if (streamed) await result.consumeStream();
          const calls = await result.toolCalls;
          assert.deepEqual(calls.map((each) => each.toolName), ['get_weather', 'get_time']);
          for (const each of calls) assert.equal(typeof each.input, 'object');
          assert.equal(await result.finishReason, 'tool-calls');
        });
      }

      test('is told of an error as one', async () => {
        const failed = generateText(ask('mock-e429'));
        await assert.rejects(failed, (error) => {
          assert.ok(APICallError.isInstance(error), String(error));
          assert.equal(error.statusCode, 429);
          return true;
        });
      });

      test('asks for JSON by a schema', async () => {
        const script = `mock-c${20 + name.length}-b2`;
        const output = Output.object({ schema: jsonSchema(kSchema) });
        await generateText(ask(script, { output })).catch(() => {});  // what comes is prose
        const sent = (await mock.requestsFor(script)).at(-1);
        assert.ok(sent.body.includes('"answer"'), sent.body);
      });
    });
  }
}
