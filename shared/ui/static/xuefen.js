// What pages do in the browser beyond HTML and htmx. Every hook is a data- attribute, listed in templates/macros.html.
// Without this file pages still work: forms post, links lead, confirmations are skipped, previews of sums stay empty.
(() => {
  "use strict";

  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  // Kept, because it may sit in a dialog that a swap then takes away.
  const toasts = document.getElementById("toasts");
  const visible = (element) => element.getClientRects().length > 0 && !element.closest("[hidden]");

  // ---- Messages --------------------------------------------------------------------------------------------------

  const WORDS = {
    401: "登录已过期，请重新登录。",
    403: "您没有办理此事的权限。",
    404: "没有找到，或不在您的管辖范围内。",
    409: "已被处理或状态已改变，请刷新后再看。",
    413: "文件过大，请压缩后再传。",
    422: "提交的内容有误，请检查后重新提交。",
    429: "操作过于频繁，请稍等片刻再试。",
  };

  function toast(text, seconds = 12) {
    const box = document.createElement("div");
    box.className = "xf-toast";
    const words = document.createElement("span");
    words.textContent = text;
    const close = document.createElement("button");
    close.type = "button";
    close.className = "xf-toast-close";
    close.textContent = "知道了";
    close.addEventListener("click", () => box.remove());
    box.append(words, close);
    // An open dialog covers everything outside of it.
    ([...document.querySelectorAll("dialog[open]")].pop() || document.body).append(toasts);
    toasts.append(box);
    window.setTimeout(() => box.remove(), seconds * 1000);
  }

  // The sentence of an error page, or a general one for the status.
  function sentence(request) {
    const page = new DOMParser().parseFromString(request.responseText, "text/html");
    return page.querySelector(".xf-error-detail")?.textContent || WORDS[request.status] || "服务暂时不可用，请稍后再试。";
  }

  // A lazy part says in its own place that it could not be had, a quiet one is left out; everything else gets a toast.
  function failed(event, text) {
    if (event.target.closest("[data-quiet]")) return;
    const lazy = event.target.closest("[data-lazy]");
    if (!lazy) return toast(text);
    let note = lazy.querySelector(".xf-lazy-failed");
    if (!note) {
      note = document.createElement("p");
      note.className = "xf-lazy-failed";
      note.textContent = "暂时无法取得，请稍后刷新";
      lazy.append(note);
    }
    note.hidden = false;
    const wait = lazy.querySelector(".xf-lazy-wait");
    if (wait) wait.hidden = true;
  }

  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr } = event.detail;
    if (xhr.status >= 400 && /^\s*<!doctype/i.test(xhr.responseText)) {
      // An error page, not a fragment with a form's errors.
      event.detail.shouldSwap = false;
      event.detail.isError = true;
    } else if (new URL(xhr.responseURL, window.location).pathname === "/accounts/sign-in") {
      // The session ended and the request was led to the sign-in page: that is a page, not a fragment.
      event.detail.shouldSwap = false;
      if (event.target.closest("[data-lazy], [data-quiet]")) failed(event, WORDS[401]);
      else window.location.assign("/accounts/sign-in");
    }
  });
  document.addEventListener("htmx:responseError", (event) => failed(event, sentence(event.detail.xhr)));
  document.addEventListener("htmx:sendError", (event) => failed(event, "网络不通，没有送达。请检查网络后再试。"));
  document.addEventListener("htmx:timeout", (event) => failed(event, "等候超时，请稍后再试。"));

  const showOnline = () => { document.getElementById("offline").hidden = navigator.onLine; };
  window.addEventListener("online", showOnline);
  window.addEventListener("offline", showOnline);

  // ---- Dialogs and confirmations ---------------------------------------------------------------------------------

  const TONES = ["btn-primary", "btn-success", "xf-btn-warn", "xf-btn-bad"];

  function ask(text, source, proceed) {
    const dialog = document.getElementById("confirm");
    const ok = document.getElementById("confirm-ok");
    const tone = TONES.find((name) => source.classList.contains(name)) || "btn-primary";
    document.getElementById("confirm-title").textContent = source.dataset.confirmTitle || "请确认";
    document.getElementById("confirm-text").textContent = text;
    ok.textContent = source.dataset.confirmOk || "确定";
    ok.classList.remove(...TONES);
    ok.classList.add(tone);
    dialog.returnValue = "cancel";
    dialog.addEventListener("close", () => { if (dialog.returnValue === "ok") proceed(); }, { once: true });
    dialog.showModal();
  }

  // In the capture phase, so that nothing is sent (by htmx or the browser) before the person has answered.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    const source = [event.submitter, form].find((element) => element?.dataset.confirm);
    if (!source || form.dataset.confirmed) {
      delete form.dataset.confirmed;
      return;
    }
    event.preventDefault();
    event.stopImmediatePropagation();
    ask(source.dataset.confirm, source, () => {
      form.dataset.confirmed = "yes";
      form.requestSubmit(event.submitter);
    });
  }, true);

  document.addEventListener("htmx:confirm", (event) => {
    if (!event.detail.question) return;
    event.preventDefault();
    ask(event.detail.question, event.target, () => event.detail.issueRequest(true));
  });

  // ---- One press, one request ------------------------------------------------------------------------------------

  function sending(form, on) {
    for (const button of all("button:not([type=button])", form)) {
      button.disabled = on;
      button.classList.toggle("is-sending", on && button.dataset.pressed === "yes");
      if (!on) delete button.dataset.pressed;
    }
    form.dataset.sending = on ? "yes" : "";
  }

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented && !form.matches("[hx-post], [hx-put], [hx-delete], [hx-patch]")) return;
    if (form.method !== "post" || "resubmit" in form.dataset) return;
    if (form.dataset.sending === "yes") return event.preventDefault();
    if (event.submitter) event.submitter.dataset.pressed = "yes";
    // Afterwards, because a disabled button would not send its own name and value.
    window.setTimeout(() => sending(form, true), 0);
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    const form = event.target.closest("form");
    if (form) window.setTimeout(() => sending(form, false), 0);
  });
  // Coming back by the browser's back button shows the page as it was left: with its buttons disabled.
  window.addEventListener("pageshow", () => all("form[data-sending=yes]").forEach((form) => sending(form, false)));

  // ---- Rows and sums ---------------------------------------------------------------------------------------------

  const number = (element) => {
    const value = Number.parseFloat(element?.value);
    return Number.isFinite(value) ? value : 0;
  };

  // Credits of an item are its hours by the hours that make one credit. A preview to one decimal; the server decides.
  function total(box) {
    const sums = {};
    for (const row of all("[data-row]", box)) {
      const per = number(row.querySelector("[data-part=hours_per_credit]"));
      const output = row.querySelector("output[data-part=credits]");
      if (output) {
        const credits = per > 0 ? number(row.querySelector("[data-part=hours]")) / per : 0;
        output.value = credits.toFixed(1);
        sums.credits = (sums.credits || 0) + credits;
      }
      for (const input of all("input[data-part]", row)) {
        sums[input.dataset.part] = (sums[input.dataset.part] || 0) + number(input);
      }
    }
    for (const output of all("[data-total]", box)) {
      const sum = sums[output.dataset.total] || 0;
      output.value = output.dataset.total === "credits" ? sum.toFixed(1) : String(Math.round(sum * 100) / 100);
    }
  }

  const retotal = (element) => { const box = element.closest("[data-totals]"); if (box) total(box); };

  function addRow(box) {
    const template = box.querySelector("template[data-rows-template]");
    // Never a number that was given before, even after rows were taken away.
    const next = Math.max(Number(box.dataset.next || 0), all("[data-row]", box).length);
    box.dataset.next = String(next + 1);
    const html = template.innerHTML.replaceAll("__i__", String(next));
    const body = box.querySelector("[data-rows-body]");
    body.insertAdjacentHTML("beforeend", html);
    body.lastElementChild.querySelector("input, select, textarea")?.focus();
    if (window.htmx) window.htmx.process(body.lastElementChild);
    retotal(box);
  }

  function removeRow(box, row) {
    if (all("[data-row]", box).length <= Number(box.dataset.rowsMin || 0)) {
      return toast(`至少保留 ${box.dataset.rowsMin} 行。`);
    }
    row.remove();
    box.querySelector("[data-rows-add]").focus();
    retotal(box);
  }

  document.addEventListener("input", (event) => { if (event.target.dataset.part) retotal(event.target); });

  // ---- Presses ---------------------------------------------------------------------------------------------------

  function zoom(viewer, act) {
    const level = Number(viewer.dataset.level || 1);
    const turn = Number(viewer.dataset.turn || 0);
    viewer.dataset.level = act === "in" ? Math.min(level + 1, 5) : act === "out" ? Math.max(level - 1, 1) : act === "fit" ? 1 : level;
    viewer.dataset.turn = act === "rotate" ? (turn + 1) % 4 : turn;
    viewer.className = viewer.className.replace(/ ?\b(zoom|turn)-\d/g, "");
    viewer.classList.add(`zoom-${viewer.dataset.level}`, `turn-${viewer.dataset.turn}`);
  }

  document.addEventListener("click", (event) => {
    const { target } = event;
    for (const menu of all("details[data-menu][open]")) if (!menu.contains(target)) menu.open = false;
    const pressed = target.closest("button, a");
    if (!pressed) return;
    const { dataset } = pressed;
    if (dataset.dialog) {
      const dialog = document.getElementById(dataset.dialog);
      dialog.showModal();
      dialog.querySelector("input:not([type=hidden]), select, textarea")?.focus();
    }
    if ("dialogClose" in dataset) pressed.closest("dialog").close();
    if ("rowsAdd" in dataset) addRow(pressed.closest("[data-rows]"));
    if ("rowsRemove" in dataset) removeRow(pressed.closest("[data-rows]"), pressed.closest("[data-row]"));
    if (dataset.zoomAct) zoom(pressed.closest("[data-zoom]"), dataset.zoomAct);
    if ("print" in dataset) window.print();
    if ("back" in dataset) window.history.back();
    if ("keysToggle" in dataset) setKeys(!keysOn());
  });

  // ---- Keys ------------------------------------------------------------------------------------------------------

  // Single-letter shortcuts can be switched off (WCAG 2.1.4). Storage may be forbidden: then they are simply on.
  const store = (() => { try { return window.localStorage; } catch { return null; } })();
  const keysOn = () => store?.getItem("xuefen.keys") !== "off";
  function setKeys(on) {
    store?.setItem("xuefen.keys", on ? "on" : "off");
    showKeys();
  }
  function showKeys() {
    for (const state of all("[data-keys-state]")) state.textContent = keysOn() ? "开" : "关";
    document.body.classList.toggle("keys-off", !keysOn());
  }

  function step(forward) {
    const links = all("[data-key-rows] [data-row-link]").filter(visible);
    if (!links.length) return false;
    const at = links.indexOf(document.activeElement);
    links[at < 0 ? (forward ? 0 : links.length - 1) : Math.min(Math.max(at + (forward ? 1 : -1), 0), links.length - 1)].focus();
    return true;
  }

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      for (const menu of all("details[data-menu][open]")) { menu.open = false; menu.firstElementChild.focus(); }
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || !keysOn()) return;
    if (event.target.closest("input, textarea, select, [contenteditable]") || document.querySelector("dialog[open]")) return;
    const key = event.key.toLowerCase();
    const element = all("[data-key]").find((candidate) => candidate.dataset.key === key && visible(candidate));
    if (element) {
      event.preventDefault();
      if (element.matches("input, textarea, select")) element.focus();
      else element.click();
    } else if ((key === "j" || key === "k") && step(key === "j")) {
      event.preventDefault();
    }
  });

  // ---- Start, and whatever htmx brings later ---------------------------------------------------------------------

  function enliven(root) {
    const boxes = all("[data-totals]", root);
    if (root.closest?.("[data-totals]")) boxes.push(root.closest("[data-totals]"));
    boxes.forEach(total);
    root.querySelector("[data-focus]")?.focus();
    for (const drop of all(".xf-file-drop", root)) {
      for (const [name, over] of [["dragenter", true], ["dragleave", false], ["drop", false]]) {
        drop.addEventListener(name, () => drop.classList.toggle("is-over", over));
      }
    }
  }
  const start = () => {
    all("[data-back], [data-keys-toggle]").forEach((button) => { button.hidden = false; });
    if (window.history.length < 2) all("[data-back]").forEach((button) => { button.hidden = true; });
    // On a phone the menu is wider than the screen: bring the present page's entry into view, without moving the page.
    const here = document.querySelector(".xf-nav [aria-current]");
    if (here) here.closest("ul").scrollLeft = here.offsetLeft - 16;
    showOnline();
    showKeys();
    enliven(document);
  };
  document.addEventListener("htmx:load", (event) => { if (event.target !== document.body) enliven(event.target); });
  start();
})();
