// Search without a server: a browser starts no worker for a page that was opened from a folder, so that the theme's
// search runs in a frame that is not seen instead. (The theme would fetch such a script from another host.)
class FrameWorker extends EventTarget {
  constructor(address) {
    super();
    this.frame = document.createElement("iframe");
    this.frame.hidden = true;
    this.frame.srcdoc = "<!doctype html><title>search</title>";
    this.ready = new Promise((resolve) => {
      this.frame.onload = () => {
        const inner = this.frame.contentWindow;
        inner.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
        inner.importScripts = (...addresses) => Promise.all(addresses.map((one) => FrameWorker.load(inner, one)));
        resolve(FrameWorker.load(inner, address).then(() => inner));
      };
    });
    document.body.append(this.frame);
  }

  static load(inner, address) {
    return new Promise((resolve, reject) => {
      const script = inner.document.createElement("script");
      script.src = address;
      script.onload = resolve;
      script.onerror = reject;
      inner.document.body.append(script);
    });
  }

  postMessage(data) {
    this.ready.then((inner) => inner.dispatchEvent(new inner.MessageEvent("message", { data })));
  }

  terminate() {
    this.frame.remove();
  }
}

if (location.protocol === "file:") window.Worker = FrameWorker;
