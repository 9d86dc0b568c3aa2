// The scripted upstream itself, driven by the official SDKs: what it sends has the shape of the
// real thing, and what they send it accepts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import OpenAI from 'openai';
import { all, chat, message, refusal } from '../harness/clients.mjs';
import { startMock } from '../harness/mock.mjs';

const mock = await startMock();
const openai = new OpenAI({ baseURL: `${mock.url}/v1`, apiKey: 'any', maxRetries: 0 });
const anthropic = new Anthropic({ baseURL: mock.url, apiKey: 'any', maxRetries: 0 });
const google = new GoogleGenAI({ apiKey: 'any', httpOptions: { baseUrl: mock.url } });

const kInput = 'Hello';
const kFlatTools = ['find', 'store'].map((name) => ({
  type: 'function',
  name,
  strict: false,
  parameters: { type: 'object', properties: { city: { type: 'string' } } },
}));
const kGoogleTools = [
  {
    functionDeclarations: kFlatTools.map(({ name, parameters }) => ({
      name,
      parametersJsonSchema: parameters,
    })),
  },
];

test('responses: a text is the same streamed and not', async () => {
  const whole = await openai.responses.create({ model: 'mock-c5-b3', input: kInput });
  assert.equal(whole.object, 'response');
  assert.equal(whole.status, 'completed');
  assert.match(whole.id, /^resp_/);
  assert.match(whole.output[0].id, /^msg_/);
  assert.equal(whole.usage.output_tokens, 15);
  assert.equal(whole.usage.total_tokens, whole.usage.input_tokens + 15);

  const stream = openai.responses.stream({ model: 'mock-c5-b3', input: kInput });
  const events = await all(stream);
  assert.deepEqual(
    events.map((event) => event.sequence_number),
    events.map((_, i) => i),
  );
  assert.deepEqual(
    events.map((event) => event.type).filter((type, i, types) => type !== types[i - 1]),
    [
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.delta',
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.completed',
    ],
  );
  const final = await stream.finalResponse();
  assert.equal(final.output_text, whole.output_text);
  assert.deepEqual(final.usage, whole.usage);
});

test('responses: reasoning, text and two calls, and the round that answers them', async () => {
  const request = {
    model: 'mock-c4-k-t',
    input: [{ role: 'user', content: kInput }],
    tools: kFlatTools,
    reasoning: { effort: 'low', summary: 'auto' },
    include: ['reasoning.encrypted_content'],
    store: false,
  };
  const stream = openai.responses.stream(request);
  await stream.done();
  const response = await stream.finalResponse();
  assert.deepEqual(
    response.output.map((item) => item.type),
    ['reasoning', 'message', 'function_call', 'function_call'],
  );
  const [reasoning, , first, second] = response.output;
  assert.ok(reasoning.summary[0].text.length > 0);
  assert.ok(response.usage.output_tokens_details.reasoning_tokens > 0);
  assert.deepEqual([first.name, second.name], ['find', 'store']);
  assert.deepEqual(JSON.parse(second.arguments), { city: 'Tokyo', unit: 'celsius' });

  const outputs = [first, second].map(({ call_id }) => ({
    type: 'function_call_output',
    call_id,
    output: 'sunny',
  }));
  const input = [...request.input, ...response.output, ...outputs];
  const answer = await openai.responses.create({ ...request, model: 'mock-c3', input });
  assert.equal(answer.status, 'completed');

  const forged = structuredClone(input);
  forged[1].encrypted_content = forged[1].encrypted_content.replace(/.$/, '!');
  const error = await refusal(openai.responses.create({ ...request, input: forged }));
  assert.equal(error.status, 400);
  assert.equal(error.code, 'invalid_encrypted_content');
});

test('responses: reasoning is hidden when no summary is asked for', async () => {
  const response = await openai.responses.create({ model: 'mock-c2-k', input: kInput });
  assert.deepEqual(response.output[0].summary, []);
  assert.equal(response.output[0].encrypted_content, undefined);
  assert.ok(response.usage.output_tokens_details.reasoning_tokens > 0);
});

test('responses: a limit leaves the response incomplete', async () => {
  const stream = openai.responses.stream({
    model: 'mock-c30',
    input: kInput,
    max_output_tokens: 16,
  });
  const events = await all(stream);
  assert.equal(events.at(-1).type, 'response.incomplete');
  assert.equal(events.at(-1).response.incomplete_details.reason, 'max_output_tokens');
  assert.equal(events.at(-1).response.usage.output_tokens, 16);
});

test('responses: tokens of an input are counted as they are billed', async () => {
  const { usage } = await openai.responses.create({ model: 'mock-c1', input: kInput });
  const count = await openai.responses.inputTokens.count({ model: 'mock-c1', input: kInput });
  assert.equal(count.object, 'response.input_tokens');
  assert.equal(count.input_tokens, usage.input_tokens);
});

const gemini = (model, more = {}) => ({ model, contents: kInput, ...more });
const config = (more) => ({ config: more });

test('gemini: a text is the same streamed and not', async () => {
  const whole = await google.models.generateContent(gemini('mock-c5-b3'));
  assert.equal(whole.candidates[0].finishReason, 'STOP');
  assert.equal(whole.usageMetadata.candidatesTokenCount, 15);
  assert.equal(whole.modelVersion, 'mock-c5-b3');
  assert.ok(whole.responseId);

  const chunks = await all(await google.models.generateContentStream(gemini('mock-c5-b3')));
  assert.equal(chunks.map((chunk) => chunk.text ?? '').join(''), whole.text);
  assert.deepEqual(
    chunks.map((chunk) => chunk.usageMetadata.candidatesTokenCount),
    [3, 6, 9, 12, 15],
  );
  assert.deepEqual(chunks.at(-1).usageMetadata, whole.usageMetadata);
  assert.deepEqual(
    chunks.map((chunk) => chunk.candidates[0].finishReason),
    [undefined, undefined, undefined, undefined, 'STOP'],
  );
});

test('gemini: thoughts are shown when they are asked for', async () => {
  const shown = gemini('mock-c2-k', config({ thinkingConfig: { includeThoughts: true } }));
  for (const [request, thoughts] of [
    [gemini('mock-c2-k'), 0],
    [shown, 4],
  ]) {
    const chunks = await all(await google.models.generateContentStream(request));
    const parts = chunks.flatMap((chunk) => chunk.candidates[0].content.parts ?? []);
    assert.equal(parts.filter((part) => part.thought).length, thoughts);
    assert.ok(parts.at(-1).thoughtSignature);
    assert.equal(chunks.at(-1).usageMetadata.thoughtsTokenCount, 4);
  }
});

test('gemini: calls come whole, and the round that answers them', async () => {
  const request = gemini('mock-t', config({ tools: kGoogleTools }));
  const whole = await google.models.generateContent(request);
  assert.deepEqual(
    whole.functionCalls.map((call) => call.name),
    ['find', 'store'],
  );
  assert.deepEqual(whole.functionCalls[0].args, { city: 'Paris', unit: 'celsius' });
  const turn = whole.candidates[0].content;
  assert.ok(turn.parts[0].thoughtSignature);
  assert.equal(turn.parts[1].thoughtSignature, undefined);
  const chunks = await all(await google.models.generateContentStream(request));
  assert.deepEqual(
    chunks.flatMap((chunk) => chunk.candidates[0].content.parts),
    turn.parts,
  );

  const responses = (...names) => ({
    role: 'user',
    parts: names.map((name) => ({ functionResponse: { name, response: { output: 'sunny' } } })),
  });
  const round = (model, calls, answers) =>
    google.models.generateContent({
      model,
      contents: [{ role: 'user', parts: [{ text: kInput }] }, calls, answers],
      config: { tools: kGoogleTools },
    });
  const unsigned = structuredClone(turn);
  delete unsigned.parts[0].thoughtSignature;
  const bypassed = structuredClone(turn);
  bypassed.parts[0].thoughtSignature = 'skip_thought_signature_validator';

  assert.ok((await round('gemini-3-pro-preview', turn, responses('find', 'store'))).text);
  assert.ok((await round('gemini-3-pro-preview', bypassed, responses('find', 'store'))).text);
  assert.ok((await round('mock-c1', unsigned, responses('find', 'store'))).text);
  for (const [model, calls, answers, complaint] of [
    ['gemini-3-pro-preview', unsigned, responses('find', 'store'), /missing a thought_signature/],
    ['mock-c1', turn, responses('find'), /number of function response parts/],
    ['mock-c1', turn, responses('store', 'find'), /in the order/],
  ]) {
    const error = await refusal(round(model, calls, answers));
    assert.equal(error.status, 400);
    assert.match(error.message, complaint);
  }
});

test('gemini: a limit, tokens, models and errors', async () => {
  const limited = await google.models.generateContent(
    gemini('mock-c9', config({ maxOutputTokens: 4 })),
  );
  assert.equal(limited.candidates[0].finishReason, 'MAX_TOKENS');
  assert.equal(limited.usageMetadata.candidatesTokenCount, 4);

  const count = await google.models.countTokens(gemini('mock-c1'));
  assert.equal(count.totalTokens, limited.usageMetadata.promptTokenCount);

  const names = (await all(await google.models.list())).map((model) => model.name);
  assert.ok(names.includes('models/gemini-2.5-flash'));
  assert.equal((await google.models.get({ model: 'mock-c3' })).name, 'models/mock-c3');

  const busy = await refusal(google.models.generateContent(gemini('mock-e429-r7')));
  assert.equal(busy.status, 429);
  const { error } = JSON.parse(busy.message);
  assert.equal(error.status, 'RESOURCE_EXHAUSTED');
  assert.equal(error.details.at(-1).retryDelay, '7s');
});

test('both: what the script breaks is broken', async () => {
  await assert.rejects(
    openai.responses.stream({ model: 'mock-c5-x2', input: kInput }).finalResponse(),
  );
  const events = await all(
    await openai.responses.create({ model: 'mock-c2-d0', input: kInput, stream: true }),
  );
  assert.equal(events.at(-1).type, 'response.output_item.done');
  const cut = await google.models.generateContentStream(gemini('mock-c5-x2'));
  await assert.rejects(all(cut));
  const bare = await all(await google.models.generateContentStream(gemini('mock-c2-u0')));
  assert.ok(bare.every((chunk) => chunk.usageMetadata === undefined));
});

test('what is refused has its place in every dialect', async () => {
  const completion = await openai.chat.completions.create(chat('mock-c3-g0'));
  assert.equal(completion.choices[0].message.content, null);
  assert.ok(completion.choices[0].message.refusal);
  const filtered = openai.responses.stream({ model: 'mock-c3-g1', input: kInput });
  assert.equal((await filtered.finalResponse()).incomplete_details.reason, 'content_filter');
  const refused = openai.responses.stream({ model: 'mock-c3-g0', input: kInput });
  assert.equal((await refused.finalResponse()).output[0].content[0].type, 'refusal');
  const blocked = await google.models.generateContent(gemini('mock-c3-g0'));
  assert.equal(blocked.promptFeedback.blockReason, 'PROHIBITED_CONTENT');
  assert.equal(blocked.candidates, undefined);
  const final = await anthropic.messages.stream(message('mock-c3-g1')).finalMessage();
  assert.equal(final.stop_reason, 'refusal');
  assert.equal(final.stop_details.type, 'refusal');
});

test('an error ends a stream in the words of its dialect', async () => {
  const streams = [
    () => openai.chat.completions.create(chat('mock-c5-q2', { stream: true })),
    () => anthropic.messages.create(message('mock-c5-q2', { stream: true })),
    () => openai.responses.create({ model: 'mock-c5-q2', input: kInput, stream: true }),
    () => google.models.generateContentStream(gemini('mock-c5-q2')),
  ];
  for (const open of streams) {
    const stream = await open();
    const seen = [];
    const error = await refusal(
      (async () => {
        for await (const event of stream) seen.push(event);
      })(),
    );
    assert.match(error.message, /server had an error|Overloaded|overloaded/);
    assert.ok(seen.length >= 2);
  }
  const failed = await all(
    await openai.responses.create({ model: 'mock-c5-q2-a9', input: kInput, stream: true }),
  );
  assert.equal(failed.at(-1).response.error.code, 'server_error');
});

test('a paused turn goes on when its content is played back', async () => {
  const request = message('mock-c6-k-p2');
  const messages = [...request.messages];
  const reasons = [];
  let text = '';
  for (let round = 0; round < 3; ++round) {
    const answer = await anthropic.messages.stream({ ...request, messages }).finalMessage();
    reasons.push(answer.stop_reason);
    text += answer.content.map((block) => block.text ?? '').join('');
    messages.push({ role: 'assistant', content: answer.content });
  }
  assert.deepEqual(reasons, ['pause_turn', 'pause_turn', 'end_turn']);
  assert.equal(text.split(' ').length, 6);
});

test('calls that alternate are put together', async () => {
  const completion = await openai.chat.completions.stream(chat('mock-t-o')).finalChatCompletion();
  for (const call of completion.choices[0].message.tool_calls) {
    assert.equal(JSON.parse(call.function.arguments).unit, 'celsius');
  }
  const stream = openai.responses.stream({ model: 'mock-t-o', input: kInput });
  const { output } = await stream.finalResponse();
  assert.deepEqual(
    output.map((item) => JSON.parse(item.arguments).city),
    ['Paris', 'Tokyo'],
  );
});
