"""A territory worth looking at: ten days of plausible measures in seven communes of the Loire, always the same."""

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg

from decoders.quantities import QUANTITIES
from services.core.storage.changes import Touch
from services.core.storage.rollups import recompute
from tests.api.territory import PARIS, Territory

DAYS = 10
Signal = Callable[[datetime, random.Random], float | None]

COMMUNES = {
    "42218": ("Saint-Étienne", 4.3872, 45.4397),
    "42207": ("Saint-Chamond", 4.5150, 45.4740),
    "42095": ("Firminy", 4.2870, 45.3880),
    "42005": ("Andrézieux-Bouthéon", 4.2560, 45.5250),
    "42147": ("Montbrison", 4.0650, 45.6070),
    "42094": ("Feurs", 4.2260, 45.7420),
    "42279": ("Saint-Just-Saint-Rambert", 4.2400, 45.4990),
}


def hour_of(at: datetime) -> float:
    local = at.astimezone(PARIS)
    return local.hour + local.minute / 60


def weekday(at: datetime) -> bool:
    return at.astimezone(PARIS).weekday() < 5


def bump(hour: float, middle: float, width: float) -> float:
    return math.exp(-(((hour - middle) / width) ** 2))


def outdoor(at: datetime, noise: random.Random) -> float:
    slow = 3 * math.sin(at.timestamp() / 250_000)
    return round(9 + slow + 5 * math.sin((hour_of(at) - 9) / 24 * 2 * math.pi) + noise.gauss(0, 0.25), 1)


def classroom_co2(at: datetime, noise: random.Random) -> float:
    hour = hour_of(at)
    busy = weekday(at) and (8.3 < hour < 11.6 or 13.3 < hour < 16.5)
    level = 430 + (620 * bump(hour, 10.6, 1.5) + 700 * bump(hour, 15.4, 1.4) if busy else 60 * bump(hour, 17, 2))
    return round(level + noise.gauss(0, 18))


def classroom_temperature(at: datetime, noise: random.Random) -> float:
    return round(18.2 + (2.6 if weekday(at) else 0.6) * bump(hour_of(at), 14, 4.5) + noise.gauss(0, 0.08), 1)


def humidity(at: datetime, noise: random.Random) -> float:
    return round(52 - 9 * math.sin((hour_of(at) - 9) / 24 * 2 * math.pi) + noise.gauss(0, 0.8), 1)


def particles(at: datetime, noise: random.Random) -> float:
    hour = hour_of(at)
    return round(max(2, 7 + 9 * bump(hour, 8.2, 1.4) + 12 * bump(hour, 19.5, 2.2) + noise.gauss(0, 1.4)), 1)


def bin_level(at: datetime, noise: random.Random) -> float:
    elapsed = (at.timestamp() % (3.2 * 86400)) / (3.2 * 86400)
    return round(min(100, 6 + 88 * elapsed + noise.gauss(0, 0.8)))


def river(at: datetime, noise: random.Random) -> float:
    return round(0.82 + 0.35 * bump((at.timestamp() / 86400) % 10, 6.2, 1.1) + noise.gauss(0, 0.006), 3)


def parking(at: datetime, noise: random.Random) -> float:
    likely = 0.15 + 0.75 * max(bump(hour_of(at), 11, 2.5), bump(hour_of(at), 16.5, 2.4)) * (1 if weekday(at) else 0.6)
    return float(noise.random() < likely)


def trunk(at: datetime, noise: random.Random) -> float:
    return round(4200 + at.timestamp() % 1e6 / 4e3 - 55 * bump(hour_of(at), 15, 4) + noise.gauss(0, 3))


def moisture(at: datetime, noise: random.Random) -> float:
    return round(31 - (at.timestamp() % 864_000) / 864_000 * 8 + noise.gauss(0, 0.15), 1)


def steady(value: float, spread: float, places: int = 2) -> Signal:
    return lambda _at, noise: round(value + noise.gauss(0, spread), places)


def bicycles(at: datetime, noise: random.Random) -> float:
    hour = hour_of(at)
    rate = 2 + (38 * bump(hour, 8.1, 0.9) + 34 * bump(hour, 17.6, 1.3) if weekday(at) else 26 * bump(hour, 15, 3))
    return float(max(0, round(rate * (0.15 if hour < 6 else 1) + noise.gauss(0, 2))))


def meter(per_hour: Callable[[datetime], float], start: float) -> Signal:
    state = {"index": start, "at": None}

    def index(at: datetime, noise: random.Random) -> float:
        before = state["at"] or at
        elapsed = (at - before) / timedelta(hours=1)
        state["index"] += per_hour(at) * elapsed * max(0.0, noise.gauss(1, 0.15))
        state["at"] = at
        return round(state["index"], 3)

    return index


def school_water(at: datetime) -> float:
    return 0.012 + (0.42 * (bump(hour_of(at), 10, 2) + bump(hour_of(at), 14, 2)) if weekday(at) else 0)


def town_hall_power(at: datetime) -> float:
    return 3.1 + (11 * bump(hour_of(at), 12.5, 4.5) if weekday(at) else 0.8)


@dataclass(frozen=True)
class Planned:
    """A point and the signals of its series; `minutes` between reports."""

    name: str
    site: str
    theme: str
    commune: str
    east: float
    north: float
    purpose: str
    signals: dict[str, Signal]
    minutes: int = 20


CLASSROOM = (
    "Mesurer l'air d'une salle de classe : quand le CO2 dépasse 1 000 ppm, il est temps d'ouvrir les fenêtres. "
    "La commune s'en sert pour régler la ventilation."
)
FRESH = "Suivre la température et l'humidité sur la place : situer les îlots de chaleur, décider où planter des arbres."
BIN = "Savoir quand la colonne est pleine, pour ne la vider qu'à ce moment : moins de camions, pas de débordement."


def plan() -> Iterator[Planned]:
    def air() -> dict[str, Signal]:
        return {
            "co2": classroom_co2,
            "air_temperature": classroom_temperature,
            "relative_humidity": humidity,
            "tvoc_index": lambda at, noise: round(90 + 60 * bump(hour_of(at), 14, 4) + noise.gauss(0, 6)),
            "battery_level": lambda _at, _noise: 87.0,
        }

    outside: dict[str, Signal] = {"air_temperature": outdoor, "relative_humidity": humidity}
    yield Planned("Salle de classe CM2", "École Jules-Ferry", "air", "42218", 0.004, 0.003, CLASSROOM, air(), 10)
    yield Planned("Salle de classe CP", "École Jules-Ferry", "air", "42218", 0.004, 0.003, CLASSROOM, air(), 10)
    yield Planned("Place Jean-Jaurès", "Place Jean-Jaurès", "weather", "42218", -0.001, 0.001, FRESH, outside)
    yield Planned(
        "Particules, boulevard Jules-Janin",
        "Boulevard Jules-Janin",
        "air",
        "42218",
        0.006,
        0.012,
        "Mesurer les particules fines le long d'un axe passant, avant et après la piste cyclable.",
        {"pm2_5": particles, "pm10": lambda at, noise: round(particles(at, noise) * 1.7, 1)},
        15,
    )
    yield Planned(
        "Compteur vélos, voie verte",
        "Voie verte du Furan",
        "mobility",
        "42218",
        -0.013,
        0.010,
        "Compter les vélos, sans image et sans reconnaître personne.",
        {"bicycle_count": bicycles},
        60,
    )
    yield Planned(
        "Colonne à verre Bellevue",
        "Place Bellevue",
        "waste",
        "42218",
        0.004,
        -0.024,
        BIN,
        {"fill_level": bin_level, "battery_level": lambda _a, _n: 64.0},
        120,
    )
    yield Planned(
        "Platane n° 14",
        "Parc de l'Europe",
        "trees",
        "42218",
        0.016,
        -0.008,
        "Suivre la croissance et la soif d'un arbre en ville.",
        {"stem_displacement": trunk, "soil_moisture_vwc": moisture, "battery_voltage": steady(3.58, 0.004)},
        30,
    )
    yield Planned(
        "Place PMR, rue de la Résistance",
        "Parking Hôtel-de-Ville",
        "parking",
        "42218",
        -0.004,
        -0.004,
        "Savoir si la place est libre, pour guider les personnes à mobilité réduite.",
        {"parking_occupied": parking},
        15,
    )
    yield Planned(
        "Salle du conseil",
        "Hôtel de ville",
        "energy",
        "42207",
        0.000,
        0.001,
        "Chauffer quand la salle sert, et pas le reste du temps.",
        {"air_temperature": classroom_temperature, "co2": classroom_co2},
    )
    yield Planned(
        "Compteur électrique",
        "Hôtel de ville",
        "energy",
        "42207",
        0.000,
        0.001,
        "Suivre la consommation de la mairie pour la déclaration OPERAT.",
        {"energy_active_total": meter(town_hall_power, 48_211.0)},
        30,
    )
    yield Planned(
        "Le Gier au pont",
        "Pont de la Route",
        "water",
        "42207",
        -0.009,
        -0.004,
        "Prévenir quand la rivière monte.",
        {"water_level": river, "water_temperature": outdoor},
        15,
    )
    yield Planned(
        "Colonne à papier Izieux", "Rue d'Izieux", "waste", "42207", 0.012, 0.006, BIN, {"fill_level": bin_level}, 120
    )
    yield Planned(
        "Déchèterie, quai bois",
        "Déchèterie de Firminy",
        "recycling",
        "42095",
        0.008,
        0.006,
        "Dire sur le site si le quai est plein avant de se déplacer.",
        {
            "fill_level": bin_level,
            "people_in": lambda at, noise: float(max(0, round(9 * bump(hour_of(at), 14, 4) + noise.gauss(0, 1)))),
        },
        60,
    )
    yield Planned(
        "Compteur d'eau du gymnase",
        "Gymnase Firmament",
        "water",
        "42095",
        -0.006,
        -0.003,
        "Repérer une fuite la nuit, quand personne n'ouvre de robinet.",
        {"water_volume_total": meter(school_water, 5_230.412), "water_temperature": steady(14.2, 0.2, 1)},
        60,
    )
    yield Planned("Site Le Corbusier", "Maison de la culture", "weather", "42095", 0.003, -0.008, FRESH, outside)
    yield Planned("Salle de motricité", "École maternelle Pasteur", "air", "42005", 0.004, 0.004, CLASSROOM, air(), 10)
    yield Planned(
        "Passerelle LoRa du château d'eau",
        "Château d'eau",
        "network",
        "42005",
        -0.010,
        0.006,
        "Savoir si la passerelle tient la chaleur de l'été.",
        {"device_temperature": outdoor, "air_temperature": outdoor},
        30,
    )
    yield Planned(
        "Bords de Loire",
        "Quai de Loire",
        "water",
        "42279",
        0.004,
        -0.006,
        "Suivre le niveau de la Loire.",
        {"water_level": river},
        30,
    )
    yield Planned(
        "Colonne à verre du pont", "Place Gapiand", "waste", "42279", -0.008, 0.004, BIN, {"fill_level": bin_level}, 120
    )
    yield Planned(
        "Cuve de l'arrosage",
        "Stade municipal",
        "water",
        "42147",
        0.010,
        -0.008,
        "Arroser avec la pluie : la cuve dit ce qu'il reste.",
        {"water_level": river},
        60,
    )
    yield Planned(
        "Salle des fêtes",
        "Espace Guy-Poirieux",
        "energy",
        "42147",
        -0.004,
        0.004,
        "Chauffer quand la salle sert, et pas le reste du temps.",
        {
            "air_temperature": classroom_temperature,
            "door_open": lambda at, noise: float(noise.random() < 0.6 * bump(hour_of(at), 19, 3)),
        },
        20,
    )
    yield Planned(
        "Marché, place de la mairie",
        "Place de la mairie",
        "parking",
        "42147",
        0.002,
        -0.001,
        "Compter les places libres un jour de marché.",
        {"parking_occupied": parking},
        15,
    )
    yield Planned("Classe de CE1", "École du 8-Mai", "air", "42094", 0.003, 0.002, CLASSROOM, air(), 10)
    yield Planned("Station du stade", "Stade Maurice-Rousson", "weather", "42094", -0.006, 0.004, FRESH, outside)


def paint(url: str, now: datetime) -> dict[str, int]:
    """Fill the database up to `now`; returns the points by name."""
    territory = Territory(url)
    points: dict[str, int] = {}
    with psycopg.connect(url) as connection:
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO quantity VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
                [
                    (q.code, q.unit, q.unit_label, q.kind.value, q.minimum, q.maximum, q.label_fr, q.label_en)
                    for q in QUANTITIES.values()
                ],
            )
        connection.commit()
        organisation = territory.organisation("Territoire", kind="syndicate")
        for code, (name, _, _) in COMMUNES.items():
            territory.commune(code, name)
        noise = random.Random(42)
        sites: dict[str, int] = {}
        for planned in plan():
            _, longitude, latitude = COMMUNES[planned.commune]
            key = f"{planned.site} ({planned.commune})"
            if key not in sites:
                position = (longitude + planned.east, latitude + planned.north)
                sites[key] = territory.site(organisation, planned.site, planned.commune, position)
            point = territory.point(
                organisation, sites[key], planned.name, theme=planned.theme, published=True, purpose=planned.purpose
            )
            points[planned.name] = point
            for code, signal in planned.signals.items():
                series = territory.series(point, code)
                _draw(connection, series, signal, planned, now, noise)
        connection.commit()
    territory.close()
    return points


def _draw(
    connection: psycopg.Connection, series: int, signal: Signal, planned: Planned, now: datetime, noise: random.Random
) -> None:
    rows: list[tuple[datetime, float]] = []
    at = now - timedelta(days=DAYS)
    shift = timedelta(seconds=series * 37 % 240)
    while at < now - shift - timedelta(minutes=3):
        # An outage of nine hours three days ago, where "CM2" and the river are.
        away = ("CM2" in planned.name or "Gier" in planned.name) and 69 < (now - at) / timedelta(hours=1) < 78
        value = None if away else signal(at + shift, noise)
        if value is not None:
            rows.append((at + shift, value))
        at += timedelta(minutes=planned.minutes)
    with (
        connection.cursor() as cursor,
        cursor.copy("COPY reading (measured_at, value, uplink, series, flags) FROM STDIN") as copy,
    ):
        for measured_at, value in rows:
            copy.write_row((measured_at, value, 1, series, 0))
    last_at, last = rows[-1]
    connection.execute(
        "INSERT INTO latest VALUES (%s, %s, %s, 1, 0, %s, %s, %s)", (series, last_at, last, last_at, last, last_at)
    )
    recompute(connection, [Touch(series, rows[0][0], last_at)])
