// TLS on both sides: what clients see of the gateway's certificate, and what the gateway makes of
// its upstreams'.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import tls from 'node:tls';
import { chat } from '../harness/clients.mjs';
import { configFor, kClientKey, startGateway } from '../harness/gateway.mjs';
import { startMock } from '../harness/mock.mjs';
import { temporaryFolder } from '../harness/processes.mjs';
import { events } from '../harness/raw.mjs';
import { until } from '../harness/until.mjs';
import { oa } from '../harness/upstream.mjs';

const folder = temporaryFolder();
const at = (name) => path.join(folder, name);
const openssl = (...args) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });

/// A self-signed certificate: {cert, key}, paths.
function certificate(name, subject, alternatives) {
  const pair = { cert: at(`${name}.crt`), key: at(`${name}.key`) };
  openssl(
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-days',
    '2',
    '-keyout',
    pair.key,
    '-out',
    pair.cert,
    '-subj',
    `/CN=${subject}`,
    '-addext',
    `subjectAltName=${alternatives}`,
  );
  return pair;
}

const first = certificate('first', 'first', 'DNS:localhost,IP:127.0.0.1');
const second = certificate('second', 'second', 'DNS:localhost,IP:127.0.0.1');
const elsewhere = certificate('elsewhere', 'elsewhere', 'DNS:elsewhere.test');

/// One request over TLS; {status, text, subject}.
function call(port, { ca, body, method = body ? 'POST' : 'GET', route = '/health', agent } = {}) {
  return new Promise((resolve, reject) => {
    const options = {
      host: '127.0.0.1',
      port,
      path: route,
      method,
      agent,
      ca: readFileSync(ca),
      headers: { authorization: `Bearer ${kClientKey}`, 'content-type': 'application/json' },
    };
    const request = https.request(options, (response) => {
      const subject = response.socket.getPeerCertificate().subject?.CN;
      const chunks = [];
      response.on('data', (data) => chunks.push(data));
      response.on('error', reject);
      response.on('end', () =>
        resolve({ status: response.statusCode, text: Buffer.concat(chunks).toString(), subject }),
      );
    });
    request.on('error', reject);
    request.end(body && JSON.stringify(body));
  });
}

describe('the gateway behind its certificate', async () => {
  const mock = await startMock();
  const live = { cert: at('live.crt'), key: at('live.key') };
  copyFileSync(first.cert, live.cert);
  copyFileSync(first.key, live.key);
  const config = configFor(mock.url, { server: { tls: { enabled: true, ...live } } });
  const gateway = await startGateway(config);
  const ask = { ca: first.cert, route: '/v1/chat/completions' };

  test('answers, and streams', async () => {
    const whole = await call(gateway.port, { ...ask, body: chat('mock-c5') });
    assert.equal(whole.status, 200);
    assert.equal(JSON.parse(whole.text).choices[0].finish_reason, 'stop');
    const streamed = await call(gateway.port, {
      ...ask,
      body: chat('mock-c50-i1', { stream: true }),
    });
    const found = events(streamed.text);
    assert.equal(found.at(-1).data, '[DONE]');
    assert.equal(found.filter((event) => event.json?.choices[0].delta.content).length, 50);
  });

  test('notices at once that a client has gone', async () => {
    const model = 'mock-c1000-i20';
    await new Promise((resolve, reject) => {
      const request = https.request(
        {
          host: '127.0.0.1',
          port: gateway.port,
          path: ask.route,
          method: 'POST',
          ca: readFileSync(first.cert),
          headers: { authorization: `Bearer ${kClientKey}` },
        },
        (response) =>
          response.once('data', () => {
            request.destroy();
            resolve();
          }),
      );
      request.on('error', reject);
      request.end(JSON.stringify(chat(model, { stream: true })));
    });
    assert.ok((await mock.abortOf(model)).events_sent < 1000);
  });

  test('speaks no old version of TLS, and no HTTP', async () => {
    const options = {
      host: '127.0.0.1',
      port: gateway.port,
      maxVersion: 'TLSv1.1',
      minVersion: 'TLSv1',
      ca: readFileSync(first.cert),
    };
    const outcome = await new Promise((resolve) => {
      const socket = tls.connect(options, () => resolve('connected'));
      socket.on('error', () => resolve('refused'));
    });
    assert.equal(outcome, 'refused');
    const plain = await new Promise((resolve) => {
      const request = http.get({ host: '127.0.0.1', port: gateway.port, path: '/health' }, () =>
        resolve('answered'),
      );
      request.on('error', () => resolve('refused'));
    });
    assert.equal(plain, 'refused');
  });

  test('takes a new certificate on reload, while a stream goes on', async () => {
    const agent = new https.Agent({ keepAlive: true, maxCachedSessions: 0 });
    const stream = call(gateway.port, { ...ask, body: chat('mock-c60-i20', { stream: true }) });
    await mock.countsOf('mock-c60-i20', { requests: 1 });
    copyFileSync(second.cert, live.cert);
    copyFileSync(second.key, live.key);
    assert.ok(await gateway.reload(config));
    await until('the new certificate on every loop', async () => {
      const seen = await Promise.all(
        Array.from({ length: 6 }, () =>
          call(gateway.port, { ca: second.cert, agent: new https.Agent() }).then(
            ({ subject }) => subject,
            (error) => error.code,
          ),
        ),
      );
      return { done: seen.every((each) => each === 'second'), value: seen };
    });
    assert.match((await stream).text, /\[DONE\]/);
    agent.destroy();
  });

  test('keeps its certificate when the new one does not fit its key', async () => {
    copyFileSync(first.cert, live.cert);
    assert.equal(await gateway.reload(config), false);
    assert.equal(
      (await call(gateway.port, { ca: second.cert, agent: new https.Agent() })).subject,
      'second',
    );
  });
});

describe('an upstream over TLS', async () => {
  const seen = [];
  const serve = async (pair) => {
    const server = https.createServer(
      { cert: readFileSync(pair.cert), key: readFileSync(pair.key) },
      (request, response) => {
        seen.push({ reused: request.socket.isSessionReused() });
        const chunks = [];
        request.on('data', (data) => chunks.push(data));
        request.on('end', () => {
          const { stream } = JSON.parse(Buffer.concat(chunks));
          response.setHeader('content-type', stream ? 'text/event-stream' : 'application/json');
          if (!stream) return response.end(JSON.stringify(oa.whole('secured')));
          return response.end(oa.role() + oa.text('secured') + oa.finish() + oa.done());
        });
      },
    );
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    after(() => {
      server.closeAllConnections();
      server.close();
    });
    return server.address().port;
  };
  const [known, foreign] = [await serve(first), await serve(elsewhere)];
  const provider = (name, host, port, more) => ({
    name,
    type: 'openai',
    base_url: `https://${host}:${port}/v1`,
    api_keys: ['sk-x'],
    ...more,
  });
  const gateway = await startGateway(
    configFor('http://127.0.0.1:1', {
      providers: [
        provider('trusted', 'localhost', known, { ca_file: first.cert }),
        provider('by-address', '127.0.0.1', known, { ca_file: first.cert }),
        provider('unknown', 'localhost', known),
        provider('wrong-ca', 'localhost', known, { ca_file: second.cert }),
        provider('wrong-name', 'localhost', foreign, { ca_file: elsewhere.cert }),
        provider('wrong-address', '127.0.0.1', foreign, { ca_file: elsewhere.cert }),
      ],
      routing: {
        retry: { attempts: 1 },
        rules: ['trusted', 'by-address', 'unknown', 'wrong-ca', 'wrong-name', 'wrong-address'].map(
          (name) => ({ type: 'exact', pattern: name, target: name }),
        ),
      },
    }),
  );

  for (const name of ['trusted', 'by-address']) {
    test(`is asked when it is ${name}`, async () => {
      for (const stream of [false, true]) {
        const answer = await gateway.post('/v1/chat/completions', chat(name, { stream }));
        assert.equal(answer.status, 200);
        assert.match(await answer.text(), /secured/);
      }
    });
  }

  for (const name of ['unknown', 'wrong-ca', 'wrong-name', 'wrong-address']) {
    test(`sees no request when its certificate is ${name}`, async () => {
      const before = seen.length;
      const answer = await gateway.post('/v1/chat/completions', chat(name));
      assert.equal(answer.status, 502);
      const body = await answer.text();
      assert.equal(JSON.parse(body).error.code, 'upstream_unreachable');
      assert.ok(!/certificate|localhost|ssl/i.test(body), 'nothing internal leaks');
      assert.equal(seen.length, before);
    });
  }
});
