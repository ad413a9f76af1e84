// Keeps a page up to date: asks for the pieces that have changed and puts them in place. Nothing is kept here that the
// server does not say again.
"use strict";
(() => {
  const { pieces, events } = document.body.dataset;
  if (!pieces) return;
  const live = document.getElementById("live");
  let busy = false, again = false;

  const known = () => [...document.querySelectorAll("[data-piece]")]
    .map((piece) => `${piece.dataset.piece}:${piece.dataset.version}`).join(",");

  const parsed = (html) => {
    const template = document.createElement("template");
    template.innerHTML = html;
    return template.content.firstElementChild;
  };

  // What a reader has opened, chosen or focused stays so.
  const swap = (old, fresh) => {
    const opened = [...old.querySelectorAll("details")].map((details) => details.open);
    fresh.querySelectorAll("details").forEach((details, index) => { details.open = opened[index] ?? details.open; });
    for (const chosen of old.querySelectorAll("input:checked")) {
      const same = chosen.id && fresh.querySelector(`#${CSS.escape(chosen.id)}`);
      if (same) same.checked = true;
    }
    const focus = old.contains(document.activeElement) && document.activeElement.getAttribute("href");
    old.replaceWith(fresh);
    if (focus) fresh.querySelector(`[href="${CSS.escape(focus)}"]`)?.focus({ preventScroll: true });
  };

  const refresh = async () => {
    if (busy) { again = true; return; }
    busy = true;
    try {
      const answer = await fetch(`${pieces}${pieces.includes("?") ? "&" : "?"}known=${encodeURIComponent(known())}`);
      if (answer.status === 401) { location.reload(); return; }
      if (!answer.ok) return;
      for (const [place, list] of Object.entries(await answer.json())) {
        const box = document.querySelector(`[data-place="${place}"]`);
        if (!box) { if (list.length) location.reload(); continue; }
        let after = null;
        const ids = new Set(list.map((piece) => piece.id));
        [...box.children].filter((child) => !ids.has(child.dataset.piece)).forEach((child) => child.remove());
        for (const { id, html } of list) {
          let piece = document.getElementById(`piece-${id}`);
          if (html !== null) {
            const fresh = parsed(html);
            if (piece) swap(piece, fresh);
            piece = fresh;
          }
          const next = after ? after.nextElementSibling : box.firstElementChild;
          if (piece && piece !== next) box.insertBefore(piece, next);
          after = piece ?? after;
        }
      }
    } catch { /* The coordinator is away; the next event tries again. */ } finally {
      busy = false;
      if (again) { again = false; setTimeout(refresh, 300); }
    }
  };

  if (!events) { setInterval(() => { if (!document.hidden) refresh(); }, 3000); return; }
  const source = new EventSource(events);
  source.addEventListener("open", () => { live.hidden = false; });
  source.addEventListener("error", () => { live.hidden = true; });
  source.addEventListener("changed", refresh);
  source.addEventListener("end", () => { source.close(); live.hidden = true; refresh(); });
})();
