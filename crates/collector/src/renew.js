/* Ends the anonymous id of Segment's script before the server refuses it: a day earlier, counted from the first page that
   saw it. What it writes is beside an id that is there already, and goes with it. */
!(function (days, id, since) {
  function stored(name) {
    var found = document.cookie.match("(?:^|; )" + name + "=([^;]*)");
    /* Segment's script writes the one as JSON and the other as it is. */
    return (localStorage.getItem(name) || (found && found[1]) || "").replace(/"/g, "");
  }
  function forget(name) {
    localStorage.removeItem(name);
    for (var host = location.hostname; ; host = host.replace(/^[^.]*\.?/, "")) {
      document.cookie = name + "=;path=/;max-age=0" + (host && ";domain=" + host);
      if (!host) return;
    }
  }
  function look() {
    try {
      var now = Date.now(), value = stored(id), known = (localStorage.getItem(since) || "").split(" ");
      if (!value) localStorage.removeItem(since);
      else if (known[0] !== encodeURIComponent(value)) localStorage.setItem(since, encodeURIComponent(value) + " " + now);
      else if (now - known[1] >= Math.max(days - 1, days / 2) * 864e5) forget(id), localStorage.removeItem(since);
    } catch (_) {
      /* No storage, so that nothing lasts. */
    }
  }
  look();
  /* The first page makes the id after this has run. */
  addEventListener("pagehide", look);
})(__DAYS__, "ajs_anonymous_id", "ajs_anonymous_id_since");
