// The IAB's strings, read by the IAB's own libraries.

import { GppModel } from "@iabgpp/cmpapi";
import { TCString } from "@iabtechlabtcf/core";
import { describe, expect, test } from "vitest";
import { gppString, prefixOf, SUPPORTED, section } from "../src/gpp-string.ts";
import { tcString } from "../src/tcf-string.ts";

const said = {
  at: Date.parse("2026-11-22T15:16:17Z"),
  cmpId: 31,
  cmpVersion: 4,
  screen: 2,
  language: "de",
  publisherCountry: "FR",
  vendorListVersion: 142,
  policyVersion: 5,
  specialFeatures: [2],
  purposes: [1, 3, 10],
  vendors: [1, 755, 756, 757, 1_200],
  disclosed: [1, 2, 755, 756, 757, 1_200],
};

describe("the TC string", () => {
  test("is read as it was meant, with what was disclosed", () => {
    const read = TCString.decode(tcString(said));
    expect([read.cmpId, read.cmpVersion, read.consentScreen, read.consentLanguage]).toEqual([31, 4, 2, "DE"]);
    expect([read.vendorListVersion, read.policyVersion, read.publisherCountryCode]).toEqual([142, 5, "FR"]);
    expect([read.isServiceSpecific, read.useNonStandardTexts, read.purposeOneTreatment]).toEqual([true, true, false]);
    expect(ids(read.purposeConsents)).toEqual(said.purposes);
    expect(ids(read.specialFeatureOptins)).toEqual([2]);
    expect(ids(read.vendorConsents)).toEqual(said.vendors);
    expect(ids(read.vendorsDisclosed)).toEqual(said.disclosed);
    expect([read.purposeLegitimateInterests.size, read.vendorLegitimateInterests.size]).toEqual([0, 0]);
  });
  test("says the day, not the moment", () => {
    const read = TCString.decode(tcString(said));
    for (const at of [read.created, read.lastUpdated]) expect(at).toEqual(new Date("2026-11-22T00:00:00Z"));
  });
  test("of a refusal of everything still says whom it was asked about", () => {
    const read = TCString.decode(tcString({ ...said, purposes: [], vendors: [], specialFeatures: [] }));
    expect([read.purposeConsents.size, read.vendorConsents.size]).toEqual([0, 0]);
    expect(ids(read.vendorsDisclosed)).toEqual(said.disclosed);
  });
  test("is the shorter of a field and ranges, and both are read", () => {
    const many = Array.from({ length: 300 }, (_, index) => index * 2 + 1);
    const run = Array.from({ length: 300 }, (_, index) => index + 600);
    for (const vendors of [many, run, [...many, ...run], [], [65_535]]) {
      expect(ids(TCString.decode(tcString({ ...said, vendors, disclosed: vendors })).vendorConsents)).toEqual(vendors);
    }
    expect(tcString({ ...said, vendors: run, disclosed: run }).length).toBeLessThan(80);
  });
});

const ids = (some: Iterable<[number, boolean]>) => [...some].flatMap(([id, on]) => (on ? id : []));

describe("the GPP string", () => {
  const values = {
    ProcessingNotice: 1,
    SharingNotice: 1,
    SaleOptOutNotice: 1,
    SharingOptOutNotice: 1,
    TargetedAdvertisingOptOutNotice: 1,
    SaleOptOut: 1,
    SharingOptOut: 2,
    TargetedAdvertisingOptOut: 1,
  };
  test.each(SUPPORTED)("%s is read as it was meant", (supported) => {
    const [id, name = ""] = supported.split(":");
    expect(prefixOf(`US-${name.slice(2)}`)).toBe(name);
    for (const gpc of [true, false]) {
      const made = section(name, values, gpc);
      expect(made.id).toBe(Number(id));
      const read = new GppModel(gppString(made));
      expect(read.getSectionIds()).toEqual([made.id]);
      const flat: Record<string, unknown> = Object.assign({}, ...made.parsed);
      expect(Object.keys(flat).length).toBeGreaterThan(8);
      for (const [field, value] of Object.entries(flat))
        expect([field, read.getFieldValue(name, field)]).toEqual([field, value]);
      // What it writes of it is what we wrote.
      for (const [field, value] of Object.entries(values)) if (field in flat) read.setFieldValue(name, field, value);
      expect(read.encode()).toBe(gppString(made));
      if ("GpcSegmentType" in flat) expect(flat.Gpc).toBe(gpc);
    }
  });
  test("without a section is a header", () => expect(gppString(undefined)).toBe(new GppModel().encode()));
  test("is the state's, else the nation's, else none", () => {
    expect(["US-CA", "US-ri", "US-NY", "US", "DE", "USX", null].map(prefixOf)).toEqual([
      "usca",
      "usri",
      "usnat",
      "usnat",
      undefined,
      undefined,
      undefined,
    ]);
  });
});
