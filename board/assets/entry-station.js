// A station's page for hand gauges: Enter goes from field to field and hands a check in with its last, so that a gauge
// that types like a keyboard needs no other key. What was typed stays until the gateway has it on disk.
import { data, label, t, time, unique } from "/assets/page.js";
import { follow } from "/assets/live.js";

const KEPT = "plumbline.entry.";  // in this browser: who measures, with what
const forms = [...document.querySelectorAll("form.check")];
const shared = [...document.querySelectorAll("[data-context]")];
const NUMBER = /^\s*([+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d+)?)\s*([^\d\s].*)?$/;

for (const field of shared) {
  if (!field.readOnly && ["operator", "gauge", "lot"].includes(field.dataset.context)) {
    field.value ||= localStorage.getItem(KEPT + field.dataset.context) || "";
    field.addEventListener("change", () => localStorage.setItem(KEPT + field.dataset.context, field.value));
  }
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    (shared[shared.indexOf(field) + 1] || forms[0]?.querySelector(".value"))?.focus();
  });
}

const numberIn = (field) => {
  const found = NUMBER.exec(field.value);
  return found ? Number(found[1].replace(",", ".")) : NaN;
};

// Whether a value cannot be: it is asked for once more before it is handed in, and the engine keeps it for review.
function isImplausible(form, field) {
  const value = numberIn(field), { low, high, count } = form.dataset;
  return !count && ((low !== "" && value < Number(low)) || (high !== "" && value > Number(high)));
}

function say(form, sign, text, isBad) {
  const place = form.querySelector(".outcome");
  place.className = `outcome ${isBad ? "bad" : "good"}`;
  place.textContent = `${sign} ${text}`;
}

function next(form, field) {
  const fields = [...form.querySelectorAll(".value")];
  const empty = fields.slice(fields.indexOf(field) + 1).find((one) => !one.value) || fields.find((one) => !one.value);
  if (empty) empty.focus();
  else form.requestSubmit();
}

async function handIn(form) {
  const button = form.querySelector("button"), fields = [...form.querySelectorAll(".value")];
  const odd = fields.find((field) => isImplausible(form, field));
  if (odd && form.dataset.confirmed !== odd.value) {
    form.dataset.confirmed = odd.value;
    say(form, "▲", t("implausible", { value: odd.value, low: form.dataset.low || "−∞", high: form.dataset.high || "∞" }), true);
    odd.focus();
    odd.select();
    return;
  }
  for (const field of shared) {
    const hidden = form.elements[field.dataset.context];
    hidden.value = field.value || hidden.dataset.own || "";
  }
  form.elements.id.value ||= `entry-${unique()}`;  // sent again after no answer, it counts once
  button.disabled = true;
  try {
    const answer = await fetch(form.action, {
      method: "POST", headers: { Accept: "application/json", "Content-Type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams(new FormData(form)),
    });
    const told = await answer.json();
    if (!("ok" in told)) throw new Error(told.detail || `${answer.status}`);
    say(form, told.ok && !told.out ? "✓" : "✕", told.says, !told.ok || told.out);
    form.querySelector(".reaction").classList.toggle("loud", told.out);
    if (told.ok) taken(form, fields);
    else fields[0].focus();
  } catch (problem) {
    say(form, "✕", t("no-answer", { why: problem.message }), true);
  } finally {
    button.disabled = false;
  }
}

function taken(form, fields) {
  for (const field of fields) { field.value = ""; field.classList.remove("out"); }
  form.elements.id.value = "";
  delete form.dataset.confirmed;
  const part = shared.find((field) => field.dataset.context === "part");
  if (part) part.value = "";
  (forms[forms.indexOf(form) + 1] || forms[0]).querySelector(".value").focus();
}

for (const form of forms) {
  form.noValidate = true;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const wrong = [...form.querySelectorAll(".value")].find((field) => Number.isNaN(numberIn(field)));
    if (!wrong) return handIn(form);
    say(form, "✕", wrong.value.trim() ? t("number", { text: wrong.value }) : t("missing"), true);
    wrong.focus();
    wrong.select();
  });
  for (const field of form.querySelectorAll(".value")) {
    field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      if (Number.isNaN(numberIn(field))) form.requestSubmit();
      else next(form, field);
    });
  }
}
if (!document.querySelector(".outcome.bad")) forms[0]?.querySelector(".value").focus();

// Points as they come: the latest value, and when the next check is due. The order stays: a form that jumps is no help.
follow({
  kinds: ["point"],
  load: () => location.reload(),
  on(_, point) {
    const form = forms.find(({ dataset }) => dataset.characteristic === point.characteristic);
    if (!form) return;
    form.querySelector(".latest").textContent = t("latest", { value: String(Number(point.value.toPrecision(6))), time: time(point.time) });
    const every = Number(form.dataset.every);
    if (every) {
      const due = new Date(Date.parse(point.time) + every * 1000).toISOString();
      const place = form.querySelector(".due");
      place.textContent = `${data.signs.good} ${label("not-due")} ${t("due-at", { time: time(due) })}`;
      place.dataset.state = "not-due";
    }
  },
});
