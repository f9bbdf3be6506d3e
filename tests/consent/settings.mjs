// @ts-check
// Settings as the server will write them: the four default categories, the regimes of the expected tables, English texts.
// The SDK's type check holds them to the contract, because its tests use them too.

/**
 * @typedef {import("../../web/sdk/src/settings.ts").AssentSettings} Settings
 * @typedef {import("../../web/sdk/src/settings.ts").CategoryModel} Model
 */

const categories = [
  { id: "required", name: "Required", description: "Needed to sign in, to keep the site safe and to remember this choice." },
  { id: "functionality", name: "Functionality", description: "Remembers what you enter and prefer.", erase: ["_chat"] },
  { id: "performance", name: "Performance", description: "Counts visits and pages, so that we can improve them.", erase: ["_stats*"] },
  { id: "targeting", name: "Targeting or advertising", description: "Shows you advertising on other sites that fits what you did here.", erase: ["_ads"] },
];

export const texts = {
  language: "en",
  version: 3,
  hash: "0f343b0931126a20f133d67c2b018a3b2b5c1e9d8f7a6b5c4d3e2f1a0b9c8d7e",
  title: "Your privacy on this site",
  body: "We store and read information on your device to remember what you prefer, to count visits and to show advertising elsewhere. Each of these is off until you allow it, and you can change your mind at any time.",
  accept: "Accept all",
  reject: "Reject all",
  choose: "Choose",
  save: "Save choices",
  close: "Close without choosing",
  control: "Privacy choices",
  withdraw: "Withdraw consent",
  always: "Always on",
  gpc: "Opt-out request honored",
  confirm: "You refused this before. Press the button once more to allow it.",
  overGpc: {
    title: "Your browser asks us to leave you out of advertising",
    body: "It sends a privacy signal, such as Global Privacy Control: do not sell or share this person’s data, and do not use it for advertising on other sites. We honor that. What you allow here undoes it on this site, also on your other devices once you have signed in, until you refuse again. It concerns:",
    allow: "Allow this anyway",
    keep: "Keep my opt-out",
  },
  reload: "Already running until this page is reloaded:",
  reloadButton: "Reload",
  receipt: "Download the receipt of your choice",
};

const PURPOSES = { functionality: "personalisation", performance: "analytics", targeting: "advertising" };

/** @type {(name: string, category: keyof typeof PURPOSES) => NonNullable<Settings["tags"]>[0]} */
const tag = (name, category) => ({ id: name, kind: "script", src: `/tags/${name}.js`, categories: [category], purpose: PURPOSES[category] });

/** @type {Omit<Settings, "regime">} */
const base = {
  v: 1,
  region: null,
  source: { category: "performance" },
  before: "block",
  categories,
  texts,
  tags: [tag("chat", "functionality"), tag("stats", "performance"), tag("ads", "targeting")],
};

/** @type {(model: Model) => Record<string, Model>} */
const same = (model) => ({ functionality: model, performance: model, targeting: model });
/** @type {Settings["regime"]["gpc"]} */
const gpc = { denies: [], show: true };
const us = { ...texts, control: "Your Privacy Choices", links: [{ text: "Your Privacy Choices" }] };

/** @satisfies {Record<string, Settings>} */
export const REGIMES = {
  eu: { ...base, region: "DE", regime: { id: "eu", version: 1, models: same("opt-in"), first: "ask", lifetimeDays: 180, reaskDays: 180, gpc } },
  uk: { ...base, region: "GB", regime: { id: "uk", version: 1, models: { ...same("opt-in"), performance: "exempt" }, first: "ask", lifetimeDays: 180, reaskDays: 180, gpc } },
  california: { ...base, region: "US-CA", texts: us, regime: { id: "california", version: 1, models: same("opt-out"), first: "none", lifetimeDays: 400, reaskDays: 365, gpc, confirmOptIn: true } },
  rest: { ...base, texts: us, regime: { id: "rest", version: 1, models: same("opt-in"), first: "ask", lifetimeDays: 180, reaskDays: 180, gpc } },
};

/** Some of the vendors of the notice in the repository's shared data, so that the preference centre has a list. */
export const VENDORS = /** @type {[string, string, string][]} */ ([
  ["crazy-egg", "Crazy Egg", "performance"],
  ["google-analytics", "Google Analytics", "performance"],
  ["heap", "Heap Analytics", "performance"],
  ["appnexus", "AppNexus", "targeting"],
  ["doubleclick", "DoubleClick", "targeting"],
  ["linkedin-ads", "LinkedIn Ads", "targeting"],
  ["liveramp", "LiveRamp", "targeting"],
]).map(([id, name, category]) => ({ id, name, category, policy: `https://vendors.example/${id}` }));

/** @satisfies {Partial<Settings>} */
export const ARABIC = {
  texts: {
    ...texts,
    language: "ar",
    dir: "rtl",
    title: "خصوصيتك على هذا الموقع",
    body: "نخزّن معلومات على جهازك ونقرأها لنتذكر ما تفضله، ولنحصي الزيارات، ولنعرض إعلانات في مواقع أخرى. كل ذلك متوقف حتى تسمح به، ويمكنك تغيير رأيك في أي وقت.",
    accept: "قبول الكل",
    reject: "رفض الكل",
    choose: "اختيار",
    save: "حفظ الاختيارات",
    close: "إغلاق دون اختيار",
    control: "خيارات الخصوصية",
    withdraw: "سحب الموافقة",
    always: "مفعّل دائمًا",
    gpc: "تم احترام طلب الرفض المرسل من متصفحك",
    overGpc: {
      title: "متصفحك يطلب استبعادك من الإعلانات",
      body: "يرسل متصفحك إشارة خصوصية مثل Global Privacy Control: عدم بيع بياناتك أو مشاركتها وعدم استخدامها للإعلان في مواقع أخرى. ونحن نحترم ذلك. ما تسمح به هنا يُلغي هذا الطلب على هذا الموقع، وعلى أجهزتك الأخرى بعد تسجيل الدخول، إلى أن ترفض من جديد. يتعلق الأمر بما يلي:",
      allow: "السماح رغم ذلك",
      keep: "الإبقاء على طلب الرفض",
    },
  },
  categories: [
    { id: "required", name: "ضرورية", description: "لازمة لتسجيل الدخول ولأمان الموقع ولتذكّر هذا الاختيار." },
    { id: "functionality", name: "وظيفية", description: "تتذكر ما تُدخله وما تفضّله." },
    { id: "performance", name: "الأداء", description: "تحصي الزيارات والصفحات لنحسّنها." },
    { id: "targeting", name: "إعلانات موجّهة", description: "تعرض عليك في مواقع أخرى إعلانات تناسب ما فعلته هنا." },
  ],
};
