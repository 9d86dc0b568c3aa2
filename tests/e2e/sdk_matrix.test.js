// Every official client, current and older, on an upstream of every dialect.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { refusal } from '../harness/clients.mjs';
import { connect, kClients, kPng } from '../harness/dialects.mjs';
import { configFor, kClientKey, startGateway } from '../harness/gateway.mjs';
import { words } from '../harness/metering.mjs';
import { startMock } from '../harness/mock.mjs';

const mock = await startMock();
const upstreams = {
  chat: { type: 'openai_compatible', base_url: `${mock.url}/v1` },
  messages: { type: 'anthropic', base_url: mock.url },
  responses: { type: 'openai', base_url: `${mock.url}/v1` },
  gemini: { type: 'gemini', base_url: mock.url },
};

/// A model's name that no other test asks for: the size of pieces is beyond that of any answer.
let asked = 100_000;
const model = (script) => `mock-${script}-z${(asked += 1)}`;

for (const [upstream, provider] of Object.entries(upstreams)) {
  const gateway = await startGateway(
    configFor(mock.url, {
      providers: [{ name: 'up', api_keys: ['sk-up-0123456789'], default: true, ...provider }],
      routing: { retry: { attempts: 1 } },
    }),
  );

  for (const [name, kind] of Object.entries(kClients)) {
    describe(`${name} on ${upstream}`, () => {
      const client = connect(kind, gateway, kClientKey);
      const ways = { whole: kind.whole, streamed: kind.streamed };

      for (const [way, ask] of Object.entries(ways)) {
        test(`has text, ${way}`, async () => {
          const script = model('c6-b3');
          const answer = await ask(client, script);
          assert.equal(words(answer.text), 18);
          assert.equal(answer.ended, 'text');
          assert.equal(answer.output, 18);
          assert.equal(answer.model, script);
        });

        test(`has parallel calls, and answers them, ${way}`, async () => {
          const { calls, ended } = await ask(client, model('t'), { tools: true });
          assert.deepEqual(calls.map((each) => each.name), ['get_weather', 'get_time']);
          assert.equal(new Set(calls.map((each) => each.id)).size, 2);
          for (const each of calls) assert.equal(typeof each.input, 'object');
          assert.equal(ended, 'tools');
          const results = calls.map((each) => ({ ...each, result: `result of ${each.name}` }));
          const next = await ask(client, model('c2'), { tools: true, results });
          assert.equal(words(next.text), 2);
        });

        test(`has thinking, ${way}`, async () => {
          const answer = await ask(client, model('c3-k'), { thinking: true });
          assert.equal(words(answer.text), 3);
          // The helper of OpenAI's chat client knows nothing of it.
          if (kind.dialect !== 'chat' || way === 'whole') assert.equal(words(answer.thinking), 4);
        });
      }

      test('shows an image, and asks for JSON', async () => {
        const script = model('c1');
        await kind.whole(client, script, { image: true, schema: true });
        const [sent] = await mock.requestsFor(script);
        assert.ok(sent.body.includes(kPng), sent.body.slice(0, 500));
        assert.ok(sent.body.includes('"answer"'));
      });

      test('leaves, and the upstream stops', async () => {
        const script = model('c3000-i5');
        const stream = await kind.events(client, script);
        for await (const event of stream) if (event) break;
        stream.controller.abort();
        await mock.abortOf(script);
      });

      test('has its own classes of errors', async () => {
        const classes = {
          400: 'BadRequestError',
          404: 'NotFoundError',
          429: 'RateLimitError',
          500: 'InternalServerError',
        };
        for (const [status, expected] of Object.entries(classes)) {
          const error = await refusal(kind.whole(client, model(`e${status}`)));
          assert.ok(error instanceof kind.Sdk[expected], `${status}: ${error}`);
          assert.ok(error.requestID ?? error.request_id ?? error.headers);
        }
        const wrong = connect(kind, gateway, 'sk-nobody-0123456789');
        const error = await refusal(kind.whole(wrong, model('c1')));
        assert.ok(error instanceof kind.Sdk.AuthenticationError, String(error));
      });

      test('is told that a stream broke off', async () => {
        const error = await refusal(kind.streamed(client, model('c9-x4')));
        assert.ok(error instanceof kind.Sdk.APIError || error instanceof kind.Sdk.OpenAIError, String(error));
      });
    });
  }
}
