// The reviewers' desk, beyond what xuefen.js does on every page. Hooks:
//   data-autosubmit on a form: choosing sends it · data-fade="10": goes away after so many seconds
//   data-bulk on a form: counts the ticked rows · data-phrase="…": puts the sentence into the text field last used
//   data-decision on a form, data-return in it: what a return must bring · data-place: writes the choice out in full
//   data-open-again on a dialog: opens by itself
// Without this file everything can still be sent: the server asks for the same.
(() => {
  "use strict";

  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  for (const form of all("form[data-autosubmit]")) {
    form.addEventListener("change", () => form.requestSubmit());
  }
  for (const line of all("[data-fade]")) {
    // Whoever is on it, by mouse or by keyboard, keeps it.
    window.setTimeout(function go() {
      if (line.matches(":hover, :focus-within")) window.setTimeout(go, 2000);
      else line.hidden = true;
    }, Number(line.dataset.fade) * 1000);
  }
  for (const dialog of all("dialog[data-open-again]")) dialog.showModal();

  // ---- Ticked rows -----------------------------------------------------------------------------------------------

  for (const form of all("form[data-bulk]")) {
    const boxes = all("input[name=chosen]", form);
    const button = form.querySelector("button:not([type=button])");
    const words = button.querySelector("span");
    const label = words.textContent;
    const whole = document.createElement("label");
    const every = document.createElement("input");
    every.type = "checkbox";
    every.className = "form-check-input";
    whole.className = "form-check";
    whole.append(every, "选择本页全部可批量的方案");
    form.querySelector(".xf-desk-bulk").prepend(whole);
    const show = () => {
      const number = boxes.filter((box) => box.checked).length;
      button.disabled = number === 0;
      words.textContent = number ? `${label}（${number} 件）` : label;
      every.checked = number > 0 && number === boxes.length;
    };
    every.addEventListener("change", () => { boxes.forEach((box) => { box.checked = every.checked; }); show(); });
    boxes.forEach((box) => box.addEventListener("change", show));
    window.addEventListener("pageshow", show);
    show();
  }

  // ---- One decision ----------------------------------------------------------------------------------------------

  const PHRASE = "这是常用语原文，请结合本方案的具体问题修改后再退回。";
  const TOLD = "请核对全部材料后勾选。";
  const NO_POINT = "请至少列出一条修改意见。";

  function place(select) {
    const words = select.parentElement.querySelector("[data-place-words]");
    const chosen = select.selectedOptions[0];
    words.hidden = !select.value;
    words.textContent = select.value ? chosen.textContent : "";
  }

  // Says it at the field; gone as soon as the field is touched.
  function complain(field, sentence) {
    field.setCustomValidity(sentence);
    field.addEventListener("input", () => field.setCustomValidity(""), { once: true });
    field.reportValidity();
    return true;
  }

  function lacks(form, box) {
    const stored = new Set(all("[data-phrase]", form).map((button) => button.dataset.phrase.trim()));
    const plain = all("textarea", form).find((field) => stored.has(field.value.trim()));
    if (plain) return complain(plain, PHRASE);
    const points = all("textarea", box);
    if (!points.some((field) => field.value.trim())) {
      if (!points.length) box.querySelector("[data-rows-add]").click();
      return complain(box.querySelector("textarea"), NO_POINT);
    }
    const told = box.querySelector("input[name=told]");
    return !told.checked && complain(told, TOLD);
  }

  for (const form of all("form[data-decision]")) {
    const box = form.querySelector("[data-return]");
    let last = form.querySelector("textarea");
    form.addEventListener("focusin", (event) => { if (event.target.matches("textarea")) last = event.target; });
    form.addEventListener("change", (event) => { if (event.target.matches("[data-place]")) place(event.target); });
    all("[data-place]", form).forEach(place);
    box.addEventListener("toggle", () => { if (box.open) box.querySelector("select, textarea")?.focus(); });
    form.addEventListener("click", (event) => {
      const phrase = event.target.closest("[data-phrase]");
      if (!phrase) return;
      last.setRangeText(phrase.dataset.phrase, last.selectionStart, last.selectionEnd, "end");
      last.dispatchEvent(new Event("input", { bubbles: true }));
      last.focus();
    });
  }
  // On the window, so that it comes before the question whether one is sure.
  window.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("form[data-decision]") || event.submitter?.value !== "return") return;
    if (lacks(form, form.querySelector("[data-return]"))) {
      event.preventDefault();
      event.stopImmediatePropagation();
    }
  }, true);
})();
