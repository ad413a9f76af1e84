// Signs in by the link that was followed, and keeps a page up to date: asks for the pieces that have changed and puts
// them in place. Nothing is kept here that the server does not say again.
"use strict";
(() => {
  // What stands behind the `#` was sent to nobody yet; it is out of the address before it is sent.
  const form = document.getElementById("sign-in");
  if (form) {
    const follow = () => {
      if (location.hash.length < 2) return;
      form.elements.token.value = location.hash.slice(1);
      history.replaceState(null, "", location.pathname + location.search);
      form.submit();
    };
    // A link that is pasted where this page is open already loads nothing.
    addEventListener("hashchange", follow);
    follow();
    return;
  }

  const { pieces, events } = document.body.dataset;
  if (!pieces) return;
  const live = document.getElementById("live");
  const told = document.getElementById("told");
  let busy = false, again = false, last = 0;

  const known = () => [...document.querySelectorAll("[data-piece]")]
    .map((piece) => `${piece.dataset.piece}:${piece.dataset.version}`).join(",");

  const parsed = (html) => {
    const template = document.createElement("template");
    template.innerHTML = html;
    return template.content.firstElementChild;
  };

  const stops = (box) => [...box.querySelectorAll("a[href], button, input, summary, [tabindex]")];

  // What a reader has opened, chosen, focused or scrolled to stays so.
  const swap = (old, fresh) => {
    const focus = stops(old).indexOf(document.activeElement);
    const opened = [...old.querySelectorAll("details")].map((details) => details.open);
    const scrolled = [...old.querySelectorAll(".scroll")].map((box) => [box.scrollLeft, box.scrollTop]);
    fresh.querySelectorAll("details").forEach((details, index) => { details.open = opened[index] ?? details.open; });
    for (const chosen of old.querySelectorAll("input:checked")) {
      const same = chosen.id && fresh.querySelector(`#${CSS.escape(chosen.id)}`);
      if (same) same.checked = true;
    }
    old.replaceWith(fresh);
    fresh.querySelectorAll(".scroll").forEach((box, index) => { if (scrolled[index]) box.scrollTo(...scrolled[index]); });
    if (focus >= 0) stops(fresh)[focus]?.focus({ preventScroll: true });
  };

  // Between two pieces a page listens to its reader, once it has worked for the length of a picture on the screen.
  let since = 0;
  const listen = async () => {
    if (performance.now() - since < 16) return;
    await new Promise((done) => setTimeout(done));
    since = performance.now();
  };

  const put = async (place, list) => {
    const box = document.querySelector(`[data-place="${place}"]`);
    if (!box) { if (list.length) location.reload(); return; }
    const ids = new Set(list.map((piece) => piece.id));
    [...box.children].filter((child) => !ids.has(child.dataset.piece)).forEach((child) => child.remove());
    let after = null;
    for (const { id, html } of list) {
      let piece = document.getElementById(`piece-${id}`);
      if (html !== null) {
        await listen();
        const fresh = parsed(html);
        if (piece) swap(piece, fresh);
        piece = fresh;
      }
      const next = after ? after.nextElementSibling : box.firstElementChild;
      if (piece && piece !== next) box.insertBefore(piece, next);
      after = piece ?? after;
    }
  };

  const refresh = async () => {
    if (busy || document.hidden) { again = true; return; }
    busy = true;
    const start = performance.now();
    try {
      const answer = await fetch(`${pieces}${pieces.includes("?") ? "&" : "?"}known=${encodeURIComponent(known())}`);
      if (answer.status === 401) { location.reload(); return; }
      if (!answer.ok) return;
      for (const [place, list] of Object.entries(await answer.json())) await put(place, list);
    } catch { /* The coordinator is away; the next event tries again. */ } finally {
      // What takes long to get and to draw is asked for less often.
      setTimeout(() => { busy = false; catchUp(); }, Math.max(300, 3 * (performance.now() - start)));
    }
  };
  const catchUp = () => { if (again && !busy && !document.hidden) { again = false; refresh(); } };
  document.addEventListener("visibilitychange", catchUp);

  const poll = (milliseconds) => setInterval(() => { if (!document.hidden) refresh(); }, milliseconds);
  if (!events) { poll(3000); return; }

  // Read aloud: at most once in so many milliseconds.
  const tell = (text, patience) => {
    if (Date.now() - last < patience || told.textContent === text) return;
    last = Date.now();
    told.textContent = text;
  };
  const source = new EventSource(events);
  source.addEventListener("open", () => { live.hidden = false; });
  source.addEventListener("error", () => {
    live.hidden = true;
    // It was refused, and a browser does not try that again.
    if (source.readyState === EventSource.CLOSED) poll(5000);
  });
  source.addEventListener("changed", (event) => {
    const { ended, trials } = JSON.parse(event.data);
    tell(`${ended} of ${trials} trials have ended.`, 15000);
    refresh();
  });
  source.addEventListener("end", () => {
    source.close();
    live.hidden = true;
    tell("The sweep has ended.", 0);
    refresh();
  });
})();
