"""The labels of each family of French electricity meters, in the order of Watteco's descriptors.

Energies come in Wh or kWh and powers in W, VA, kW or kvar, as the label's definition says.

Source: Watteco Codec-API-LoRaWAN (tic); meaning of the labels: Enedis-NOI-CPT_54E (Linky),
Enedis-NOI-CPT_02E (electronic meters, ICE, yellow tariff, PME-PMI).
"""

from collections.abc import Iterator, Sequence

from decoders.watteco.tic import Label

WH, KWH, KILO = 1e-3, 1.0, 1e3

ICE_TARIFFS = ("P", "PM", "HCE", "HCH", "HH", "HCD", "HD", "JA", "HPE", "HPH", "HPD", "SCM", "HM", "DSM")


def _plain(form: str, *names: str) -> Iterator[Label]:
    return (Label(name, form) for name in names)


def _indexes(form: str, factor: float, *names: str) -> Iterator[Label]:
    return (Label(name, form, "energy_active_total", factor) for name in names)


def _reactive(form: str, factor: float, *names: str) -> Iterator[Label]:
    return (Label(name, form, "energy_reactive_total", factor) for name in names)


def _currents(*names: str) -> Iterator[Label]:
    return (Label(name, "u16", "current_rms", 1, name.removeprefix("IINST").removeprefix("IRMS")) for name in names)


def _dated_powers(first: int, last: int, form: str) -> Iterator[Label]:
    for at in range(first, last + 1):
        yield Label(f"DATEPA{at}", form)
        yield Label(f"PA{at}", "u16")


ICE_GENERAL: Sequence[Label] = (
    Label("CONTRAT", "text"),
    *_plain("date", "DATECOUR", "DATE"),
    *_plain("u24", "EA", "ERP"),
    *_plain("text", "PTCOUR", "PREAVIS"),
    Label("MODE", "empty"),
    *_dated_powers(1, 6, "date"),
    Label("*p*", "u24"),
    *_plain("u8", "KDC", "KDCD"),
    Label("TGPHI", "f32"),
    *_plain("u16", "PSP", "PSPM", "PSHPH", "PSHPD", "PSHCH", "PSHCD", "PSHPE", "PSHCE"),
    *_plain("u16", "PSJA", "PSHH", "PSHD", "PSHM", "PSDSM", "PSSCM"),
    Label("MODE", "empty"),
    Label("PA1MN", "u16", "power_active", KILO),
    Label("PA10MN", "u16", "power_active", KILO),
    Label("PREA1MN", "i16", "power_reactive", KILO),
    Label("PREA10MN", "i16", "power_reactive", KILO),
    Label("TGPHI", "f32"),
    Label("U10MN", "u16", "voltage_rms", 1, "10MN"),
)


def _ice_period(period: str) -> Sequence[Label]:
    return (
        *_plain("date", f"DEBUT{period}", f"FIN{period}"),
        Label(f"CAF{period}", "u16"),
        Label(f"DATEEA{period}", "date"),
        *_indexes("u24", KWH, *(f"EA{period}{tariff}" for tariff in ICE_TARIFFS)),
        Label(f"DATEERP{period}", "date"),
        *_reactive("u24", KWH, *(f"ERP{period}{tariff}" for tariff in ICE_TARIFFS)),
        Label(f"DATEERN{period}", "date"),
        *_reactive("u24", KWH, *(f"ERN{period}{tariff}" for tariff in ICE_TARIFFS)),
    )


ICE_PERIOD = _ice_period("p")

ICE_LAST_PERIOD: Sequence[Label] = tuple(Label(label.name, label.form) for label in _ice_period("p1"))
"""Indexes of the period before: closed accounts, no measurements of now."""

HISTORIC: Sequence[Label] = (
    *_plain("u16", "ADIR1", "ADIR2", "ADIR3"),
    *_plain("text", "ADCO", "OPTARIF"),
    Label("ISOUSC", "u8"),
    *_indexes("u32", WH, "BASE", "HCHC", "HCHP", "EJPHN", "EJPHPM"),
    *_indexes("u32", WH, "BBRHCJB", "BBRHPJB", "BBRHCJW", "BBRHPJW", "BBRHCJR", "BBRHPJR"),
    Label("PEJP", "u8"),
    *_plain("u32", "GAZ", "AUTRE"),
    *_plain("text", "PTEC", "DEMAIN"),
    *_currents("IINST", "IINST1", "IINST2", "IINST3"),
    *_plain("u16", "ADPS", "IMAX", "IMAX1", "IMAX2", "IMAX3"),
    Label("PMAX", "u32"),
    Label("PAPP", "u32", "power_apparent", 1),
    Label("HHPHC", "char"),
    Label("MOTDETAT", "text"),
    Label("PPOT", "u8"),
)

YELLOW: Sequence[Label] = (
    Label("JAUNE", "hour minute day month"),
    *_plain("text", "JAUNE", "JAUNE"),
    Label("JAUNE", "u24"),
    Label("JAUNE", "u8"),
    *_plain("several u24", "ENERG"),
    *_plain("u24", "ENERG", "ENERG", "ENERG", "ENERG", "ENERG"),
    Label("PERCC", "day month hour"),
    Label("PERCC", "u8"),
    *_plain("several u24", "PMAXC"),
    *_plain("u24", "PMAXC", "PMAXC", "PMAXC"),
    *_plain("several u24", "TDEPA"),
    *_plain("u24", "TDEPA", "TDEPA", "TDEPA"),
    Label("PERCP", "day month hour"),
    Label("PERCP", "u8"),
    *_plain("several u24", "PMAXP"),
    *_plain("u24", "PMAXP", "PMAXP", "PMAXP"),
    *_plain("several u24", "PSOUSC"),
    *_plain("u24", "PSOUSC", "PSOUSC", "PSOUSC"),
    *_plain("several u24", "PSOUSP"),
    *_plain("u24", "PSOUSP", "PSOUSP", "PSOUSP"),
    Label("FCOU", "hour minute"),
    Label("FCOU", "u8"),
)

STANDARD: Sequence[Label] = (
    Label("ADSC", "text"),
    Label("VTIC", "u8"),
    Label("DATE", "season date"),
    *_plain("enum", "NGTF", "LTARF"),
    *_indexes("u32", WH, "EAST", *(f"EASF{at:02}" for at in range(1, 11))),
    *_indexes("u32", WH, *(f"EASD{at:02}" for at in range(1, 5)), "EAIT"),
    *_reactive("u32", WH, "ERQ1", "ERQ2", "ERQ3", "ERQ4"),
    *_currents("IRMS1", "IRMS2", "IRMS3"),
    *(Label(f"URMS{at}", "u16", "voltage_rms", 1, f"{at}") for at in (1, 2, 3)),
    *_plain("u8", "PREF", "PCOUP"),
    *(Label(name, "u24", "power_apparent") for name in ("SINSTS", "SINSTS1", "SINSTS2", "SINSTS3")),
    *_plain("season date u24", "SMAXSN", "SMAXSN1", "SMAXSN2", "SMAXSN3"),
    *_plain("season date u24", "SMAXSN-1", "SMAXSN1-1", "SMAXSN2-1", "SMAXSN3-1"),
    Label("SINSTI", "u24", "power_apparent"),
    *_plain("season date u24", "SMAXIN", "SMAXIN-1", "CCASN", "CCASN-1", "CCAIN", "CCAIN-1"),
    *_plain("season date u16", "UMOY1", "UMOY2", "UMOY3"),
    Label("STGE", "bits 32"),
    *_plain("season date u8", "DPM1", "FPM1", "DPM2", "FPM2", "DPM3", "FPM3"),
    *_plain("text", "MSG1", "MSG2", "PRM"),
    Label("RELAIS", "bits 8"),
    *_plain("u8", "NTARF", "NJOURF", "NJOURF+1"),
    *_plain("day profile", "PJOURF+1", "PPOINTE"),
)

PME_PMI: Sequence[Label] = (
    Label("TRAME", "enum"),
    Label("ADS", "hex"),
    Label("MESURES1", "enum"),
    Label("DATE", "date"),
    *_indexes("u24", WH, "EA_s"),
    *_reactive("u24", WH, "ER+_s", "ER-_s"),
    Label("EAPP_s", "u24"),
    *_indexes("u24", WH, "EA_i"),
    *_reactive("u24", WH, "ER+_i", "ER-_i"),
    Label("EAPP_i", "u24"),
    *_plain("enum", "PTCOUR1", "TARIFDYN", "ETATDYN1", "PREAVIS1"),
    *_plain("stamp enum", "TDYN1CD", "TDYN1CF", "TDYN1FD", "TDYN1FF"),
    *_plain("enum", "MODE", "CONFIG"),
    Label("DATEPA1", "date"),
    *_plain("u16", "PA1_s", "PA1_i"),
    *(
        Label(name, form)
        for at in range(2, 7)
        for name, form in ((f"DATEPA{at}", "stamp"), (f"PA{at}_s", "u16"), (f"PA{at}_i", "u16"))
    ),
    Label("DebP", "stamp"),
    *_indexes("u24", KWH, "EAP_s", "EAP_i"),
    *_reactive("u24", KWH, "ER+P_s", "ER-P_s", "ER+P_i", "ER-P_i"),
    *_plain("stamp", "DebP-1", "FinP-1"),
    *_plain("u24", "EaP-1_s", "EaP-1_i", "ER+P-1_s", "ER-P-1_s", "ER+P-1_i", "ER-P-1_i"),
    Label("PS", "u24 enum"),
    Label("PREAVIS", "enum"),
    Label("PA1MN", "u16", "power_active", KILO),
    *_plain("u24 enum", "PMAX_s", "PMAX_i"),
    *_plain("f32", "TGPHI_s", "TGPHI_i"),
    *_plain("enum", "MESURES2", "PTCOUR2", "ETATDYN2", "PREAVIS2"),
    *_plain("stamp enum", "TDYN2CD", "TDYN2CF", "TDYN2FD", "TDYN2FF"),
    Label("DebP_2", "stamp"),
    Label("EaP_s2", "u24"),
    *_plain("stamp", "DebP-1_2", "FinP-1_2"),
    *_plain("u24", "EaP-1_s2", "_DDMES1_"),
)
