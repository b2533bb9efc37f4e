// Why the pods cannot be read, and what the operator does about it: one log line.

export class WatchFailure extends Error {
  /** One sentence. */
  readonly remedy: string;

  constructor(message: string, remedy: string) {
    super(message);
    this.name = 'WatchFailure';
    this.remedy = remedy;
  }
}

/** What the API server says of itself in an error: a Status. */
const MAX_MESSAGE_CHARACTERS = 300;
const LATER = 'It is asked again, at most a minute later. See whether the control plane is healthy.';

/** @param body of the answer: a Status, or anything */
export function refusal(status: number, body: string, folder: string): WatchFailure {
  const message = messageOf(body);
  const said = message === '' ? `${status}` : `${status}: ${message}`;
  if (status === 403) {
    return new WatchFailure(
      `the service account may not read pods (${said})`,
      'Bind it to a ClusterRole that allows list and watch of pods (chart: pods.enabled: true), or set kubernetes.pods: false.',
    );
  }
  if (status === 401) {
    return new WatchFailure(
      `the API server does not know the service account (${said})`,
      `${folder}/token must be this pod's own token, kept fresh by kubelet.`,
    );
  }
  return new WatchFailure(`the API server answers ${said}`, LATER);
}

/** The way to the API server failed. */
export function unreachable(error: Error, host: string, folder: string): WatchFailure {
  const { code = '' } = error as NodeJS.ErrnoException;
  const said = code === '' ? error.message : code;
  if (/CERT|TLS|SSL|ISSUER|SIGNATURE/.test(code)) {
    return new WatchFailure(
      `the certificate of the API server at ${host} is not trusted (${said})`,
      `${folder}/ca.crt must be the CA of this cluster.`,
    );
  }
  return new WatchFailure(
    `the API server at ${host} cannot be reached (${said})`,
    'Let this pod reach it: see its NetworkPolicy and the firewalls on the way.',
  );
}

/** The API server answered 200, with something else than pods. */
export function unreadable(what: string): WatchFailure {
  return new WatchFailure(`the API server sends ${what}`, LATER);
}

function messageOf(body: string): string {
  try {
    const { message } = JSON.parse(body) as { message?: unknown };
    return typeof message === 'string' ? message.slice(0, MAX_MESSAGE_CHARACTERS) : '';
  } catch {
    return '';
  }
}
