// One GET to the Hub or a mirror of it, on Node's own http: redirects followed, the token sent only to the host it is
// for, through a proxy when one is set, and never silent for longer than a stall.
import http from 'node:http';
import https from 'node:https';
import { LabError } from '../../../shared/contract.ts';

export type HubAccess = {
  /** Such as https://huggingface.co, without a slash at the end. */
  url: string;
  token: string;
  /** http://host:port, or '' for none. */
  proxy: string;
  /** Hosts that are asked without it, as NO_PROXY lists them. */
  noProxy?: string;
};

export type HubReply = http.IncomingMessage & { statusCode: number };

const STALL_MS = 30_000;
const MOST_REDIRECTS = 5;

/**
 * Settings first, then what the Hub's own tools read: HF_ENDPOINT, HF_TOKEN, HTTPS_PROXY with NO_PROXY. Throws `bad-request` for an
 * address that is none.
 */
export function hubAccess(
  settings: { hubUrl: string; hubToken: string; proxy: string },
  env: NodeJS.ProcessEnv = process.env,
): HubAccess {
  const standard = 'https://huggingface.co';
  const url = settings.hubUrl && settings.hubUrl !== standard ? settings.hubUrl : env.HF_ENDPOINT || standard;
  const proxy = settings.proxy || env.HTTPS_PROXY || env.https_proxy || '';
  requireAddress('The address of the Hub or mirror', url);
  if (proxy) requireAddress('The proxy', proxy);
  return {
    url: url.replace(/\/+$/, ''),
    token: settings.hubToken || env.HF_TOKEN || '',
    proxy,
    noProxy: settings.proxy ? '' : env.NO_PROXY || env.no_proxy || '',
  };
}

function requireAddress(what: string, address: string): void {
  if (!/^https?:$/.test(URL.parse(address)?.protocol ?? ''))
    throw new LabError(
      'bad-request',
      `${what} is ${JSON.stringify(address)}; it has to begin with http:// or https://. Change it under Settings.`,
    );
}

/** Agents of one download; `close` ends their connections. */
export function hubClient(access: HubAccess) {
  const proxyEnv = access.proxy
    ? { HTTP_PROXY: access.proxy, HTTPS_PROXY: access.proxy, NO_PROXY: access.noProxy ?? '' }
    : undefined;
  const options = { keepAlive: true, ...(proxyEnv ? { proxyEnv } : {}) };
  const agents = { 'http:': new http.Agent(options), 'https:': new https.Agent(options) };
  const home = new URL(access.url).origin;

  function once(url: URL, headers: Record<string, string>, signal: AbortSignal | undefined): Promise<HubReply> {
    return new Promise((resolve, reject) => {
      if (url.protocol !== 'http:' && url.protocol !== 'https:')
        return reject(new LabError('bad-request', `${url} is not a web address.`));
      const authorised = access.token && url.origin === home ? { authorization: `Bearer ${access.token}` } : {};
      const request = (url.protocol === 'https:' ? https : http).get(url, {
        agent: agents[url.protocol],
        headers: { 'user-agent': 'fewshot-lab', 'accept-encoding': 'identity', ...headers, ...authorised },
        ...(signal ? { signal } : {}),
      });
      request.setTimeout(STALL_MS, () => request.destroy(new Error(`no answer for ${STALL_MS / 1000} s`)));
      request.once('response', (reply) => resolve(reply as HubReply));
      request.on('error', reject);
    });
  }

  return {
    /** `path` begins with a slash. Rejects with the plain network error; the status is the caller's to judge. */
    async get(path: string, headers: Record<string, string> = {}, signal?: AbortSignal): Promise<HubReply> {
      let url = new URL(access.url + path);
      for (let hop = 0; hop <= MOST_REDIRECTS; hop++) {
        const reply = await once(url, headers, signal);
        const next = reply.headers.location;
        if (reply.statusCode < 300 || reply.statusCode >= 400 || !next) return reply;
        reply.resume();
        url = new URL(next, url);
      }
      throw new Error(`more than ${MOST_REDIRECTS} redirects`);
    },
    close(): void {
      for (const agent of Object.values(agents)) agent.destroy();
    },
  };
}

export type HubClient = ReturnType<typeof hubClient>;
