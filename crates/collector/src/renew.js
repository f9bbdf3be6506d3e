/* Ends the anonymous id of Segment's script a day before the server does, counted from the first page that saw it. Since
   when it is there stands in a cookie beside its own, for all hosts of the site, and in localStorage, because browsers
   shorten the life of cookies that scripts write. */
!(function (days, id, since) {
  function local(use) {
    try {
      return use(localStorage);
    } catch (_) {
      return null;
    }
  }
  function read(name) {
    var found = document.cookie.match("(?:^|; )" + name + "=([^;]*)");
    return found && found[1];
  }
  /* For the widest domain that the browser takes; without an age, away from all of them. */
  function write(name, value, age) {
    var labels = location.hostname.split("."), rest = ";path=/;samesite=lax;max-age=" + age;
    for (var at = labels.length - 2; at >= 0; at--) {
      document.cookie = name + "=" + value + rest + ";domain=" + labels.slice(at).join(".");
      if (age && read(name) === value) return;
    }
    document.cookie = name + "=" + value + rest;
  }
  function drop(name) {
    write(name, "", 0);
    local(function (store) {
      store.removeItem(name);
    });
  }
  /* Segment's script reads the cookie first; in localStorage the id is JSON. */
  function current() {
    var value = read(id) || local(function (store) {
      return store.getItem(id);
    }) || "";
    try {
      value = decodeURIComponent(value);
    } catch (_) {
      /* It is as it is. */
    }
    return encodeURIComponent(value.replace(/"/g, ""));
  }
  function look(mayEnd) {
    var now = Date.now(), value = current(), first = now;
    if (!value) return drop(since);
    var copy = local(function (store) {
      return store.getItem(since);
    });
    [read(since), copy].forEach(function (said) {
      var parts = (said || "").split(":");
      if (parts[0] === value && parts[1] < first) first = +parts[1];
    });
    if (mayEnd && now - first >= Math.max(days - 1, days / 2) * 864e5) {
      drop(id);
      return drop(since);
    }
    write(since, value + ":" + first, days * 86400);
    local(function (store) {
      store.setItem(since, value + ":" + first);
    });
  }
  look(true);
  /* The first page makes the id after this has run. A page that is left ends nothing: it may come back as it was. */
  addEventListener("pagehide", function () {
    look(false);
  });
})(__DAYS__, "ajs_anonymous_id", "ajs_anonymous_id_since");
