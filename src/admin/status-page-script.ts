// The script of the status page. It follows `GET /events` and puts what the server rendered where
// it belongs, without touching what has not changed: focus, scroll positions and what the reader
// typed stay. And it asks `POST /explain`. Names are text here, never markup: what the server
// rendered is escaped (html.ts), all else is set as text.
export const SCRIPT = `
(() => {
  const RETRY_MS = 2000;
  const SILENT_MS = 5000;
  const main = document.querySelector('main');
  const ask = document.getElementById('ask');

  // Makes one node like another.
  const follow = (old, next) => {
    if (old === ask) return;
    if (old.nodeName !== next.nodeName) {
      old.replaceWith(next);
      return;
    }
    if (old.nodeType === Node.TEXT_NODE) {
      if (old.data !== next.data) old.data = next.data;
      return;
    }
    for (const { name } of [...old.attributes]) if (!next.hasAttribute(name)) old.removeAttribute(name);
    for (const { name, value } of next.attributes)
      if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    const olds = [...old.childNodes];
    const nexts = [...next.childNodes];
    for (const [index, child] of nexts.entries()) {
      if (index < olds.length) follow(olds[index], child);
      else old.append(child);
    }
    for (const child of olds.slice(nexts.length)) child.remove();
  };

  const show = (update) => {
    if (update.version !== main.dataset.version) {
      location.reload();
      return;
    }
    // Nothing moves under a selection.
    if (String(getSelection())) return;
    document.title = update.title;
    document.querySelector('link[rel=icon]').href = update.icon;
    follow(main, new DOMParser().parseFromString(update.main, 'text/html').querySelector('main'));
  };

  let stream = null;
  let timer = 0;
  const disconnect = () => {
    clearTimeout(timer);
    if (stream !== null) stream.close();
    stream = null;
  };
  const lost = () => {
    document.body.classList.add('unreachable');
    disconnect();
    timer = setTimeout(connect, RETRY_MS);
  };
  const connect = () => {
    disconnect();
    if (document.hidden) return;
    stream = new EventSource('/events?view=page');
    stream.onerror = lost;
    stream.addEventListener('page', (event) => {
      clearTimeout(timer);
      timer = setTimeout(lost, SILENT_MS);
      document.body.classList.remove('unreachable');
      show(JSON.parse(event.data));
    });
    timer = setTimeout(lost, SILENT_MS);
  };
  document.addEventListener('visibilitychange', connect);
  connect();

  const duration = (ms) => (ms >= 1000 ? (ms / 1000).toFixed(2) + ' s' : ms.toFixed(1) + ' ms');
  const told = (answer) => {
    const lines = [answer.summary];
    const row = (label, text) => text && lines.push(label.padEnd(11) + text);
    const rows = (label, list, say) => list.forEach((one, index) => row(index ? '' : label, say(one)));
    if (answer.reply) {
      const { rcode, durationMs, bytes, truncated, ede, records } = answer.reply;
      lines.push('');
      row('answer', rcode + ' in ' + duration(durationMs) + ', ' + bytes + ' bytes' + (truncated ? ', truncated' : ''));
      rows('', ede, ({ code, text }) => 'EDE ' + code + (text ? ': ' + text : ''));
      rows('', records, (record) => record);
    }
    lines.push('');
    row('client', answer.client.address + (answer.client.pod ? ' (' + answer.client.pod + ')' : '') + (answer.client.allowed ? ', allowed' : ', not allowed'));
    row('zone', answer.zone === '.' ? '. (everything else)' : answer.zone);
    const { state, ttlSeconds, storedAt, upstream } = answer.cache;
    const age = ttlSeconds < 0 ? 'expired ' + -ttlSeconds + ' s ago' : ttlSeconds + ' s left';
    row('cache', state === 'none' ? 'nothing' : state + ', ' + age +
      (storedAt ? ', stored at ' + storedAt : '') + (upstream ? ', from ' + upstream : ''));
    rows('upstreams', answer.upstreams, (one) =>
      (one.taken ? '* ' : '  ') + one.upstream + ' over ' + one.transport + ': ' + one.reason);
    if (answer.sent) row('sent', answer.sent.tags.concat(answer.sent.edns).join(', '));
    rows('attempts', answer.attempts, (one) => 'at ' + duration(one.startMs) + ' ' + one.upstream + ' over ' +
      one.transport + ': ' + one.outcome + ' after ' + duration(one.durationMs));
    row('loop', answer.loop);
    return lines.join('\\n');
  };

  const form = ask.querySelector('form');
  const output = ask.querySelector('pre');
  form.hidden = false;
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const query = new URLSearchParams({ name: form.elements.name.value.trim(), type: form.elements.type.value });
    if (form.elements.dryRun.checked) query.set('dryRun', 'true');
    output.hidden = false;
    output.textContent = 'Asking…';
    form.elements.submit.disabled = true;
    try {
      const response = await fetch('/explain?' + query, { method: 'POST', signal: AbortSignal.timeout(40000) });
      const answer = await response.json();
      if (response.ok) output.textContent = told(answer);
      else if (response.status === 404) output.textContent = 'This server does not explain names.';
      else output.textContent = [answer.error, answer.remedy].filter(Boolean).join('\\n');
    } catch (error) {
      output.textContent = 'No answer from unloop: ' + error.message;
    }
    form.elements.submit.disabled = false;
  });
})();
`;
