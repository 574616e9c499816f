"""Made-up companies and people. Every mail domain ends in .example.test; telephone numbers are 555-01xx."""

from __future__ import annotations

import re
import unicodedata

FIRST_WORDS = {
    "de": (
        *("Nordwind", "Alpenblick", "Rheintal", "Hanse", "Elbufer", "Isarwerk", "Sonnfeld", "Bergquell", "Lindenhof", "Kranich"),
        *("Falkenstein", "Möwe", "Grünwald", "Steinbach", "Havelland", "Donautal", "Eichberg", "Silberbach", "Weißenfels", "Taubenheim"),
    ),
    "en": (
        *("Meridian", "Oakline", "Harbour", "Summit", "Bluebird", "Copperfield", "Northgate", "Lakeside", "Redwood", "Silverline"),
        *("Pinecrest", "Ironbridge", "Westbrook", "Clearwater", "Fairview", "Granite", "Kestrel", "Larkspur", "Maple", "Stonehaven"),
        *("Ashford", "Brightwater", "Cedar", "Dunmore", "Evergreen", "Foxglove", "Greyfriars", "Hollybank"),
    ),
}
SECOND_WORDS = {
    "de": (
        *("Logistik GmbH", "Versicherung AG", "Maschinenbau GmbH", "Handels GmbH", "Energie AG", "Kliniken gGmbH"),
        *("Verlag GmbH", "Bau GmbH & Co. KG", "Lebensmittel AG", "Pharma GmbH", "Immobilien AG", "Touristik GmbH"),
    ),
    "en": (
        *("Clinics", "Dental", "Freight Ltd", "Insurance plc", "Foods Inc", "Energy", "Retail Group", "Software Ltd"),
        *("Publishing", "Hotels", "Components Inc", "Pharma", "Property Partners", "Travel Co"),
    ),
}
PEOPLE = {
    "de": (
        *("Miriam Keller", "Jonas Brandt", "Anke Schröder", "Timo Vogel", "Sabine Lang", "Felix Hartmann", "Petra Busch", "Lukas Ernst"),
        *("Claudia Roth", "Henning Peters", "Birgit Sommer", "Marco Frei", "Ute Zimmermann", "Daniel Koch", "Eva Lindner", "Stefan Arnold"),
    ),
    "en": (
        *("Priya Nair", "Tom Whitfield", "Grace Okafor", "Daniel Reyes", "Hannah Boyd", "Sean Murphy", "Laura Chen", "Marcus Bell"),
        *("Olivia Grant", "Ravi Shah", "Emma Lindqvist", "Jack Thornton", "Sofia Marino", "Ben Carver", "Nora Walsh", "Ian Fletcher"),
    ),
}


def slug(text: str) -> str:
    """Return lower-case ASCII words joined by hyphens: `Möwe Bau GmbH & Co. KG` -> `mowe-bau-gmbh-co-kg`."""
    plain = unicodedata.normalize("NFKD", text.replace("ß", "ss")).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")


def company_names(language: str) -> tuple[str, ...]:
    """Return all company names of a language (`de` or `en`), 240 and 392, in a fixed order that mixes the words."""
    first, second = FIRST_WORDS[language], SECOND_WORDS[language]
    return tuple(f"{first[(index + turn) % len(first)]} {word}" for turn in range(len(first)) for index, word in enumerate(second))
