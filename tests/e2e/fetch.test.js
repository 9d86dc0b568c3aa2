// Images and documents at URLs, for upstreams that do not fetch them: a server of the test's own
// is the Internet where the configuration allows it, and the private network where it does not.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { after, beforeEach, describe, test } from 'node:test';
import { anthropic, chat, message, openai, refusal } from '../harness/clients.mjs';
import { configFor, startGateway } from '../harness/gateway.mjs';
import { startMock } from '../harness/mock.mjs';
import { until } from '../harness/until.mjs';

const kPng = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);
const kPdf = Buffer.from('%PDF-1.4\n%%EOF\n');

/// Serves what the test says, and keeps what it was asked.
async function startHost(address, routes) {
  const host = { asked: [], left: 0 };
  const server = http.createServer((request, response) => {
    host.asked.push({ url: request.url, headers: request.headers });
    response.on('close', () => (host.left += response.writableFinished ? 0 : 1));
    const route = routes[request.url];
    if (!route) return response.writeHead(404).end();
    route(response);
  });
  server.listen(0, address);
  await once(server, 'listening');
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  host.port = server.address().port;
  host.url = (path) => `http://${address}:${host.port}${path}`;
  host.counts = () => host.asked.map(({ url }) => url).sort();
  return host;
}

const content = (type, body) => (response) =>
  response.writeHead(200, { 'content-type': type, 'set-cookie': 'a=b' }).end(body);
const redirect = (location) => (response) => response.writeHead(302, { location }).end();

const secret = await startHost('127.0.0.2', { '/cat.png': content('image/png', kPng) });
const host = await startHost('127.0.0.1', {
  '/cat.png': content('image/png', kPng),
  '/called-jpeg': content('image/jpeg', kPng),
  '/moved': redirect('/cat.png'),
  '/inside': redirect(secret.url('/cat.png')),
  '/page': content('text/html', '<html>'),
  '/fake.png': content('image/png', '<html>'),
  '/large.png': content('image/png', Buffer.concat([kPng, Buffer.alloc(5000)])),
  '/paper.pdf': content('application/pdf', kPdf),
  '/silent': () => {},
});

const mock = await startMock();
const kModel = 'mock-c3-b2';

const google = { name: 'go', type: 'gemini', base_url: mock.url, api_keys: ['k'], default: true };

async function gatewayTo(name, fetch) {
  const { providers } = configFor(mock.url);
  return startGateway(
    configFor(mock.url, {
      providers: [...providers, google].filter((each) => each.name === name),
      models: [
        { name: kModel, capabilities: { image_url_fetch: false, document_url_fetch: false } },
      ],
      fetch,
    }),
  );
}

const allow = ['127.0.0.1'];
const toClaude = await gatewayTo('an', { allow, max_size: '4KiB', max_per_request: 5 });
const toGpt = await gatewayTo('oa', { allow });
const toGemini = await gatewayTo('go', { allow });
const hasty = await gatewayTo('an', { allow, timeout: '100ms' });
const strange = await gatewayTo('an', {});
const chats = openai(toClaude);

const image = (url) => ({ type: 'image_url', image_url: { url } });
const asking = (urls, more = {}) =>
  chat(kModel, {
    ...more,
    messages: [
      { role: 'system', content: 'Look.' },
      { role: 'user', content: [{ type: 'text', text: 'What is it?' }, ...urls.map(image)] },
    ],
  });
const lastSent = async () => JSON.parse((await mock.requestsFor(kModel)).at(-1).body);
const sources = (body) =>
  body.messages
    .flatMap((each) => each.content)
    .filter((block) => block.type === 'image')
    .map((block) => block.source);
const png = { type: 'base64', media_type: 'image/png', data: kPng.toString('base64') };

beforeEach(() => {
  host.asked.length = 0;
  host.left = 0;
  secret.asked.length = 0;
});

describe('an image at a URL', () => {
  test('goes to the upstream as its bytes', async () => {
    const urls = ['/cat.png', '/called-jpeg', '/moved', '/cat.png'].map(host.url);
    const answer = await chats.chat.completions.create(asking(urls));
    assert.equal(answer.choices[0].finish_reason, 'stop');
    assert.deepEqual(sources(await lastSent()), [png, png, png, png]);
    assert.deepEqual(host.counts(), ['/called-jpeg', '/cat.png', '/cat.png', '/moved']);
    for (const { headers } of host.asked) {
      assert.deepEqual(Object.keys(headers).sort(), [
        'accept',
        'accept-encoding',
        'connection',
        'host',
        'user-agent',
      ]);
      assert.equal(headers['user-agent'], 'sluice');
    }
  });

  test('is fetched for a stream too', async () => {
    const stream = chats.chat.completions.stream(asking([host.url('/cat.png')]));
    assert.equal((await stream.finalChatCompletion()).choices[0].finish_reason, 'stop');
    assert.deepEqual(sources(await lastSent()), [png]);
  });

  test('is fetched for an OpenAI upstream, and a document too', async () => {
    const source = (path) => ({ type: 'url', url: host.url(path) });
    await anthropic(toGpt).messages.create(
      message(kModel, {
        messages: [
          {
            role: 'user',
            content: [
              { type: 'image', source: source('/cat.png') },
              { type: 'document', source: source('/paper.pdf') },
            ],
          },
        ],
      }),
    );
    const parts = (await lastSent()).messages[0].content;
    assert.equal(parts[0].image_url.url, `data:image/png;base64,${png.data}`);
    assert.equal(
      parts[1].file.file_data,
      `data:application/pdf;base64,${kPdf.toString('base64')}`,
    );
  });

  test('is fetched for a client of Responses', async () => {
    const asked = (url) => [
      { role: 'user', content: [{ type: 'input_image', detail: 'auto', image_url: url }] },
    ];
    await chats.responses.create({ model: kModel, input: asked(host.url('/cat.png')) });
    assert.deepEqual(sources(await lastSent()), [png]);
    const error = await refusal(
      chats.responses.create({ model: kModel, input: asked(secret.url('/cat.png')) }),
    );
    assert.equal(error.status, 400);
    assert.equal(error.param, 'input[0].content[0]');
  });

  test('is fetched for Gemini, which reads no URLs but its own', async () => {
    const model = 'mock-c5-b2';
    const client = openai(toGemini);
    await client.chat.completions.create({ ...asking([host.url('/cat.png')]), model });
    const sent = JSON.parse((await mock.requestsFor(model)).at(-1).body);
    const data = sent.contents.flatMap(({ parts }) => parts).find((part) => part.inlineData);
    assert.deepEqual(data.inlineData, { mimeType: 'image/png', data: png.data });
  });

  test('stays a URL for an upstream that fetches', async () => {
    const model = 'mock-c4-b2';
    const url = 'https://images.example/cat.png';
    await chats.chat.completions.create({ ...asking([url]), model });
    const sent = JSON.parse((await mock.requestsFor(model)).at(-1).body);
    assert.deepEqual(sources(sent), [{ type: 'url', url }]);
    await openai(toGpt).chat.completions.create(asking([url]));
    assert.equal((await lastSent()).messages[1].content[1].image_url.url, url);
    assert.deepEqual(host.counts(), []);
  });
});

describe('what cannot be had is refused', () => {
  /// With the number of requests that the upstream has seen as it was.
  async function refused(client, urls, words) {
    const before = (await mock.requestsFor(kModel)).length;
    const error = await refusal(client.chat.completions.create(asking(urls)));
    assert.equal(error.status, 400);
    assert.equal(error.type, 'invalid_request_error');
    assert.match(error.message, words);
    assert.equal((await mock.requestsFor(kModel)).length, before);
    return error;
  }

  test('in the private network, however it is written', async () => {
    const client = openai(strange);
    const hosts = ['127.0.0.1', 'localhost', '[::ffff:127.0.0.1]', '[::1]', '169.254.169.254'];
    for (const name of hosts) {
      for (const port of [80, host.port]) {
        const url = `http://${name}:${port}/cat.png`;
        const error = await refused(client, [url], /no public server answers there/);
        assert.equal(error.param, 'messages[1].content[1]');
      }
    }
    for (const name of ['0x7f.0.0.1', '2130706433', '0177.1', 'user@127.0.0.1']) {
      await refused(client, [`http://${name}:${host.port}/cat.png`], /invalid URL/);
    }
    await refused(client, ['file:///etc/passwd'], /invalid URL|http/);
    assert.deepEqual(host.counts(), []);
  });

  test('by a redirect into the private network', async () => {
    await refused(chats, [host.url('/inside')], /no public server answers there/);
    await refused(chats, [secret.url('/cat.png')], /no public server answers there/);
    assert.deepEqual(host.counts(), ['/inside']);
    assert.deepEqual(secret.counts(), []);
  });

  test('when it is something else, too large, or too slow', async () => {
    await refused(chats, [host.url('/page')], /content type must be one of/);
    await refused(chats, [host.url('/fake.png')], /no JPEG, PNG, GIF or WebP/);
    await refused(chats, [host.url('/missing')], /status 404/);
    await refused(chats, [host.url('/large.png')], /more than 4096 bytes/);
    await refused(openai(hasty), [host.url('/silent')], /took too long/);
    const many = Array.from({ length: 6 }, (_, i) => host.url(`/cat.png?${i}`));
    const error = await refused(chats, many, /At most 5 URLs/);
    assert.equal(error.param, 'messages[1].content[6]');
  });
});

test('a client that leaves takes the fetch with it', async () => {
  const before = (await mock.requestsFor(kModel)).length;
  const leaving = new AbortController();
  const answer = refusal(
    chats.chat.completions.create(asking([host.url('/silent')]), {
      signal: leaving.signal,
    }),
  );
  await until('the image to be asked for', () => ({ done: host.asked.length === 1 }));
  leaving.abort();
  await answer;
  await until('the connection to be let go', () => ({ done: host.left === 1 }));
  assert.equal((await mock.requestsFor(kModel)).length, before);
});
