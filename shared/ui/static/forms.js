// Nothing that was typed is lost: autosave on the server while one types, and in this browser what a form sent in vain.
// Hooks are data- attributes, listed in templates/macros.html. Without this file forms post as they are.
(() => {
  "use strict";

  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const PREFIX = "xuefen.keep:";
  const HOURS = 24;
  const GUARDS = ["csrf_token", "idempotency_key"];
  // Storage may be forbidden: then there is nothing to give back, and nothing else is different.
  const storage = (name) => { try { return window[name]; } catch { return null; } };
  const local = storage("localStorage");
  const tab = storage("sessionStorage");

  const time = (stamp) => new Date(stamp).toLocaleTimeString("zh-CN", { timeZone: "Asia/Shanghai", hour12: false, hour: "2-digit", minute: "2-digit" });

  // Name -> values, as the browser would send them; without files, passwords and the guards of this one page.
  function values(form) {
    const secret = all("input[type=password], input[type=file]", form).map((input) => input.name);
    const found = {};
    for (const [name, value] of new FormData(form)) {
      if (typeof value === "string" && ![...GUARDS, ...secret].includes(name)) (found[name] ||= []).push(value);
    }
    return found;
  }

  // ---- What was sent in vain --------------------------------------------------------------------------------------

  // Only for the same account and the same form; school computers are shared.
  const keyOf = (form) => `${PREFIX}${document.body.dataset.me || ""}|${window.location.pathname}|${form.dataset.keep}`;
  const keys = () => (local ? Object.keys(local).filter((key) => key.startsWith(PREFIX)) : []);

  function keep(form, button) {
    const entry = { at: Date.now(), values: values(form) };
    if (button?.name) delete entry.values[button.name];
    try {
      local?.setItem(keyOf(form), JSON.stringify(entry));
      return Boolean(local);
    } catch {
      return false; // full, or forbidden: the page that answers does not promise what was not kept
    }
  }

  function forgetOld() {
    for (const key of keys()) {
      const at = JSON.parse(local.getItem(key)).at;
      if (!(Date.now() - at < HOURS * 3600 * 1000)) local.removeItem(key);
    }
  }

  // What the last page of this tab sent: an error page keeps it, any other page means that it has arrived.
  function settle() {
    const sent = tab?.getItem(`${PREFIX}sent`);
    const page = document.querySelector(".xf-error");
    if (page) {
      const note = page.querySelector("[data-kept]");
      if (note && sent && local?.getItem(sent)) note.hidden = false;
    } else if (sent && window.location.pathname !== "/accounts/sign-in") {
      local?.removeItem(sent);
    }
    if (sent) tab.removeItem(`${PREFIX}sent`);
  }

  // Rows are given back by their order: their numbers may have gaps, and the page has numbers of its own.
  function fill(form, kept) {
    const renamed = new Map();
    for (const box of all("[data-rows]", form)) {
      const name = box.dataset.rows;
      const pattern = new RegExp(`^${name}\\.(\\d+)\\.`);
      const numbers = [...new Set(Object.keys(kept).map((key) => pattern.exec(key)?.[1]).filter(Boolean))];
      numbers.sort((a, b) => a - b);
      const rows = () => all("[data-row]", box);
      while (rows().length < numbers.length) box.querySelector("[data-rows-add]").click();
      rows().slice(numbers.length).forEach((row) => row.remove());
      rows().forEach((row, place) => {
        const present = pattern.exec(row.querySelector("[name]").name)[1];
        renamed.set(`${name}.${numbers[place]}.`, `${name}.${present}.`);
      });
    }
    const given = {};
    for (const [key, found] of Object.entries(kept)) {
      const row = /^\w+\.\d+\./.exec(key)?.[0];
      given[renamed.has(row) ? renamed.get(row) + key.slice(row.length) : key] = found;
    }
    for (const input of all("input[name], select[name], textarea[name]", form)) {
      if (["file", "password", "submit"].includes(input.type) || GUARDS.includes(input.name)) continue;
      const found = given[input.name] || [];
      if (["checkbox", "radio"].includes(input.type)) input.checked = found.includes(input.value);
      else if (found.length) input.value = found.shift();
    }
    form.dispatchEvent(new Event("change", { bubbles: true }));
    for (const input of all("[data-part]", form)) input.dispatchEvent(new Event("input", { bubbles: true }));
  }

  function offer(form) {
    const entry = JSON.parse(local?.getItem(keyOf(form)) || "null");
    if (!entry) return;
    // One offer, not two: of what autosave has on the server and what was sent in vain, the later.
    const saved = document.querySelector("[data-typed-waits]");
    if (saved && form.dataset.autosave) {
      if (entry.at < Number(saved.dataset.typedWaits)) return local.removeItem(keyOf(form));
      saved.remove();
    }
    const box = document.createElement("div");
    box.className = "xf-notice xf-tone-warn xf-kept";
    box.setAttribute("role", "status");
    const words = document.createElement("p");
    words.textContent = `${time(entry.at)} 填写的内容没有送出，保存在这台电脑上。`;
    const acts = document.createElement("div");
    acts.className = "xf-acts";
    const button = (label, tone, act) => {
      const made = document.createElement("button");
      made.type = "button";
      made.className = `btn btn-sm ${tone}`;
      made.textContent = label;
      made.addEventListener("click", () => { act(); local.removeItem(keyOf(form)); box.remove(); });
      acts.append(made);
    };
    button("恢复刚才未送出的内容", "btn-primary", () => {
      fill(form, entry.values);
      const dialog = form.closest("dialog");
      if (dialog && !dialog.open) dialog.showModal();
    });
    button("不用了", "xf-btn-plain", () => {});
    const body = document.createElement("div");
    body.className = "xf-notice-body";
    body.append(words, acts);
    box.append(body);
    if (form.closest("dialog")) document.getElementById("flashes").append(box);
    else form.before(box);
  }

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.getAttribute("action") === "/accounts/sign-out") keys().forEach((key) => local.removeItem(key));
    if (event.defaultPrevented || !("keep" in form.dataset)) return;
    if (keep(form, event.submitter)) tab?.setItem(`${PREFIX}sent`, keyOf(form));
  });

  // ---- Autosave ---------------------------------------------------------------------------------------------------

  const PAUSE = 3000;

  function autosave(form) {
    const state = form.querySelector("[data-autosave-state]");
    let timer = null;
    let sending = null;
    let over = false;
    let keptHere = false;
    const say = (text, bad = false) => {
      state.textContent = text;
      state.classList.toggle("is-bad", bad);
    };

    async function send() {
      timer = null;
      const found = values(form);
      const version = found.version?.[0] || "";
      delete found.version;
      const body = new URLSearchParams({
        csrf_token: form.elements.csrf_token.value, key: form.dataset.autosaveKey, version, form: JSON.stringify(found),
      });
      sending = new AbortController();
      try {
        const answer = await fetch(form.dataset.autosave, { method: "POST", body, signal: sending.signal });
        if (answer.ok) {
          if (keptHere) local.removeItem(keyOf(form));
          return say(`已自动保存 ${(await answer.json()).saved_at}`);
        }
        // The session has ended, or the page is too old: what is typed stays here.
        if ([400, 401].includes(answer.status)) {
          keptHere = keep(form);
          return say(keptHere ? "登录已过期：刚才的输入已保存在这台电脑上，重新登录后回到此页可以恢复。" : "登录已过期，请重新登录。", true);
        }
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        say(page.querySelector(".xf-error-detail")?.textContent || "暂时不能自动保存，请先保存草稿。", true);
      } catch (error) {
        if (error.name !== "AbortError") say("网络不通，暂时不能自动保存。", true);
      } finally {
        sending = null;
      }
    }

    function changed() {
      if (over) return;
      // Whatever is still to be restored must not be written over.
      if (document.querySelector("[data-typed-waits]")) return say("请先在页首选择“恢复”或“放弃”，之后会自动保存。");
      // Not put off by every keystroke: who types without a pause is saved all the same.
      timer ||= window.setTimeout(send, PAUSE);
    }

    for (const name of ["input", "change"]) form.addEventListener(name, changed);
    form.addEventListener("click", (event) => { if (event.target.closest("[data-rows-add], [data-rows-remove]")) changed(); });
    document.addEventListener("submit", (event) => {
      if (event.target !== form || event.defaultPrevented) return;
      over = true;
      window.clearTimeout(timer);
      sending?.abort();
    });
    // Back by the browser's button: the page is as it was left, and goes on.
    window.addEventListener("pageshow", () => { over = false; });
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState !== "hidden" || !timer || over) return;
      window.clearTimeout(timer);
      send();
    });
  }

  // ---- Start ------------------------------------------------------------------------------------------------------

  try { forgetOld(); } catch { keys().forEach((key) => local.removeItem(key)); }
  settle();
  all("form[data-keep]").forEach(offer);
  all("form[data-autosave]").forEach(autosave);
  const waiting = document.querySelector("[data-dialog-now]");
  if (waiting) document.getElementById(waiting.dataset.dialogNow)?.showModal();
})();
