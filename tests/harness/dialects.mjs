// Every official client as one kind of thing: asks in its own dialect, and tells what it was
// answered in terms that hold for all of them.
import AnthropicCurrent from '@anthropic-ai/sdk';
import AnthropicOld from 'anthropic-0.65';
import OpenAi7 from 'openai';
import OpenAi4 from 'openai-4';
import OpenAi5 from 'openai-5';
import OpenAi6 from 'openai-6';

export const kWeather = {
  name: 'get_weather',
  description: 'Weather of a city',
  parameters: {
    type: 'object',
    properties: { city: { type: 'string' } },
    required: ['city'],
    additionalProperties: false,
  },
};
export const kTime = { ...kWeather, name: 'get_time', description: 'Time in a city' };
export const kTools = [kWeather, kTime];
// One red pixel.
export const kPng =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/iZk9HQAAAABJRU5ErkJggg==';
export const kSchema = {
  type: 'object',
  properties: { answer: { type: 'string' } },
  required: ['answer'],
  additionalProperties: false,
};

const chatTools = kTools.map((each) => ({ type: 'function', function: each }));
const flatTools = kTools.map((each) => ({ type: 'function', strict: false, ...each }));
const messageTools = kTools.map(({ name, description, parameters }) => ({
  name,
  description,
  input_schema: parameters,
}));

function chatClient(Sdk) {
  const body = (model, want) => ({
    model,
    messages: [
      {
        role: 'user',
        content: want.image
          ? [
              { type: 'text', text: 'What is this?' },
              { type: 'image_url', image_url: { url: `data:image/png;base64,${kPng}` } },
            ]
          : 'Hello',
      },
      ...(want.results
        ? [
            { role: 'assistant', content: null, tool_calls: want.results.map(({ raw }) => raw) },
            ...want.results.map(({ id, result }) => ({
              role: 'tool',
              tool_call_id: id,
              content: result,
            })),
          ]
        : []),
    ],
    ...(want.tools && { tools: chatTools }),
    ...(want.thinking && { reasoning_effort: 'high' }),
    ...(want.schema && {
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'answer', strict: true, schema: kSchema },
      },
    }),
  });
  const told = ({ choices: [{ message, finish_reason }], usage, model }) => ({
    text: message.content ?? '',
    thinking: message.reasoning_content,
    calls: (message.tool_calls ?? []).map((raw) => ({
      id: raw.id,
      name: raw.function.name,
      input: JSON.parse(raw.function.arguments),
      raw,
    })),
    ended: { stop: 'text', tool_calls: 'tools', length: 'length' }[finish_reason],
    output: usage?.completion_tokens,
    model,
  });
  const helper = (client) => client.chat.completions.stream ?? client.beta.chat.completions.stream;
  return {
    Sdk,
    dialect: 'chat',
    whole: async (client, model, want = {}) =>
      told(await client.chat.completions.create(body(model, want))),
    streamed: async (client, model, want = {}) => {
      const owner = client.chat.completions.stream ? client.chat.completions : client.beta.chat.completions;
      const stream = helper(client).call(owner, {
        ...body(model, want),
        stream_options: { include_usage: true },
      });
      return told(await stream.finalChatCompletion());
    },
    events: (client, model) =>
      client.chat.completions.create({ ...body(model, {}), stream: true }),
  };
}

function responsesClient(Sdk) {
  const body = (model, want) => ({
    model,
    input: [
      {
        role: 'user',
        content: want.image
          ? [
              { type: 'input_text', text: 'What is this?' },
              { type: 'input_image', detail: 'auto', image_url: `data:image/png;base64,${kPng}` },
            ]
          : 'Hello',
      },
      ...(want.results ?? []).map(({ raw }) => raw),
      ...(want.results ?? []).map(({ id, result }) => ({
        type: 'function_call_output',
        call_id: id,
        output: result,
      })),
    ],
    store: false,
    ...(want.tools && { tools: flatTools }),
    ...(want.thinking && { reasoning: { effort: 'high', summary: 'auto' } }),
    ...(want.schema && {
      text: { format: { type: 'json_schema', name: 'answer', strict: true, schema: kSchema } },
    }),
  });
  const told = ({ output, status, incomplete_details: incomplete, usage, model }) => {
    const of = (type) => output.filter((item) => item.type === type);
    const calls = of('function_call').map((raw) => ({
      id: raw.call_id,
      name: raw.name,
      input: JSON.parse(raw.arguments),
      raw: { type: raw.type, call_id: raw.call_id, name: raw.name, arguments: raw.arguments },
    }));
    return {
      text: of('message')
        .flatMap((item) => item.content)
        .map((part) => part.text)
        .join(''),
      thinking: of('reasoning')
        .flatMap((item) => item.summary)
        .map((part) => part.text)
        .join('\n\n'),
      calls,
      ended: status === 'incomplete' && incomplete.reason === 'max_output_tokens' ? 'length'
        : calls.length > 0 ? 'tools' : 'text',
      output: usage?.output_tokens,
      model,
    };
  };
  return {
    Sdk,
    dialect: 'responses',
    whole: async (client, model, want = {}) =>
      told(await client.responses.create(body(model, want))),
    streamed: async (client, model, want = {}) =>
      told(await client.responses.stream(body(model, want)).finalResponse()),
    events: (client, model) => client.responses.create({ ...body(model, {}), stream: true }),
  };
}

function messagesClient(Sdk) {
  const body = (model, want) => ({
    model,
    max_tokens: 4000,
    messages: [
      {
        role: 'user',
        content: want.image
          ? [
              { type: 'text', text: 'What is this?' },
              {
                type: 'image',
                source: { type: 'base64', media_type: 'image/png', data: kPng },
              },
            ]
          : 'Hello',
      },
      ...(want.results
        ? [
            { role: 'assistant', content: want.results.map(({ raw }) => raw) },
            {
              role: 'user',
              content: want.results.map(({ id, result }) => ({
                type: 'tool_result',
                tool_use_id: id,
                content: result,
              })),
            },
          ]
        : []),
    ],
    ...(want.tools && { tools: messageTools }),
    ...(want.thinking && { thinking: { type: 'enabled', budget_tokens: 2000 } }),
    ...(want.schema && { output_config: { format: { type: 'json_schema', schema: kSchema } } }),
  });
  const told = ({ content, stop_reason: reason, usage, model }) => {
    const of = (type) => content.filter((block) => block.type === type);
    return {
      text: of('text').map((block) => block.text).join(''),
      thinking: of('thinking').map((block) => block.thinking).join('\n\n'),
      calls: of('tool_use').map((raw) => ({
        id: raw.id,
        name: raw.name,
        input: raw.input,
        raw: { type: raw.type, id: raw.id, name: raw.name, input: raw.input },
      })),
      ended: { end_turn: 'text', tool_use: 'tools', max_tokens: 'length' }[reason],
      output: usage.output_tokens,
      model,
    };
  };
  return {
    Sdk,
    dialect: 'messages',
    whole: async (client, model, want = {}) =>
      told(await client.messages.create(body(model, want))),
    streamed: async (client, model, want = {}) =>
      told(await client.messages.stream(body(model, want)).finalMessage()),
    events: (client, model) => client.messages.create({ ...body(model, {}), stream: true }),
  };
}

export const kClients = {
  'openai 4, chat': chatClient(OpenAi4),
  'openai 5, chat': chatClient(OpenAi5),
  'openai 6, chat': chatClient(OpenAi6),
  'openai 7, chat': chatClient(OpenAi7),
  'openai 4, responses': responsesClient(OpenAi4),
  'openai 5, responses': responsesClient(OpenAi5),
  'openai 6, responses': responsesClient(OpenAi6),
  'openai 7, responses': responsesClient(OpenAi7),
  'anthropic 0.65': messagesClient(AnthropicOld),
  'anthropic 1.11': messagesClient(AnthropicCurrent),
};

/// A client of that kind for the gateway, which shows every failure at once.
export function connect({ Sdk, dialect }, gateway, apiKey) {
  const baseURL = dialect === 'messages' ? gateway.url : `${gateway.url}/v1`;
  return new Sdk({ baseURL, apiKey, maxRetries: 0 });
}
