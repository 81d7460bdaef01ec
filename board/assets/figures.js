// The figures of a characteristic's page: the acceptance of its limits, in whichever rendering of the form.
import { el, post } from "/assets/page.js";

document.addEventListener("submit", async (event) => {
  const form = event.target.closest("#accept-limits");
  if (!form) return;
  event.preventDefault();
  const button = form.querySelector("button");
  const { characteristic, revision, ordered } = form.dataset;
  const who = form.elements.who.value.trim();
  button.disabled = true;
  try {
    // an order that arrives late accepts no other limits than these
    await post("/api/v1/commands", { kind: "accept-limits", characteristic, revision: Number(revision), who });
    form.replaceWith(el("p", { class: "quiet", role: "status" }, ordered));
  } catch (error) {
    button.disabled = false;
    form.querySelector("[role=alert]")?.remove();
    form.append(el("p", { class: "notice error", role: "alert" }, error.message));
  }
});
