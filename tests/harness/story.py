"""What clients of one group hear, told to two brokers and compared.

    def story(s):
        one, two = s.consumer("one"), s.classic("two")
        one.join("topic")
        …
    same_story(pair, story)

Each client keeps the answers that it got, but for those that it waits with
(`until`): how many these are is the moment's. Ids that a broker has made up are called
by the client's name.
"""

from harness.compare import collapse, complain, differences
from harness.consumer import Consumer
from harness.group import Client, GroupClient
from harness.messages import errors, versions

# Whose MemberId is the client's own.
NAMING = ("JoinGroup", "ConsumerGroupHeartbeat")


def within(api, version):
    """A version of an API for a story that is told in the versions of another."""
    return min(version, versions[api][-1])


class Story:
    """One side of it."""

    def __init__(self, side, group, version=None):
        self.side = side
        self.group = group
        self.version = version  # of the requests that it is about
        self.names = {}  # name: client
        self.waiting = set()  # names of clients
        self.heard = {}  # a client's name: [(what it asked, the answer)]
        self.ids = {}  # one that the broker has made up: its client's name

    def consumer(self, name, **claims):
        """A member of the consumer protocol, whose id is its name."""
        claims = {"member": name, **claims}
        return self.listen(name, Consumer(self.side.broker, self.group, **claims))

    def classic(self, name):
        return self.listen(name, Client(self.side.broker, self.group))

    def client(self, name):
        """Who is no member."""
        return self.listen(name, GroupClient(self.side.broker, self.group))

    def listen(self, name, client):
        while client.coordinate()["ErrorCode"] != errors.NONE:
            pass
        ask = client.ask
        self.names[name] = client
        self.heard[name] = []

        def ask_and_keep(api, values, version=None):
            answer = ask(api, values, version)
            version = versions[api][-1] if version is None else version
            self.keep(name, api, version, answer)
            return answer

        client.ask = ask_and_keep
        return client

    def keep(self, name, api, version, answer):
        if api in NAMING and answer["MemberId"] not in ("", None, *self.names):
            self.ids.setdefault(answer["MemberId"], f"<{name}>")
        if api == "ListGroups":
            groups = [g for g in answer["Groups"] if g["GroupId"] == self.group]
            answer = {**answer, "Groups": groups}
        if name not in self.waiting:
            self.heard[name].append((api, version, answer))

    def until(self, client, condition):
        """Lets a client ask until something has happened."""
        (name,) = (n for n, c in self.names.items() if c is client)
        self.waiting.add(name)
        while not condition():
            pass
        self.waiting.remove(name)

    def told(self):
        """{a client's name: [(api, version, comparable answer)]}"""
        return {
            name: [
                (api, version, self.side.blur(api, self.rename(answer)))
                for api, version, answer in kept
            ]
            for name, kept in self.heard.items()
        }

    def rename(self, value):
        if isinstance(value, dict):
            return {key: self.rename(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.rename(item) for item in value]
        return self.ids.get(value, value) if isinstance(value, str) else value

    def close(self):
        for client in self.names.values():
            client.close()


def tell(side, story, group, version):
    told = Story(side, group, version)
    try:
        story(told)
        return told.told()
    finally:
        told.close()


def compare(one, other, change):
    """Lines that say where the two sides of a story differ."""
    for name, ours in one.items():
        theirs = other[name]
        asked = [[answer[:2] for answer in side] for side in (ours, theirs)]
        if asked[0] != asked[1]:
            yield f"story v0 {name} asked {asked[0]} | {asked[1]}"
            continue
        for i, ((api, version, left), (_, _, right)) in enumerate(zip(ours, theirs)):
            for line in differences(change(api, left), change(api, right)):
                yield f"{api} v{version} {api} heard by {name}, {i}: {line}"


def same_story(pair, story, group, only=(None,), change=lambda api, a: a, but=None):
    """Tells it once for each version, to a group of its own."""
    __tracebackhide__ = True
    found = []
    for version in only:
        name = group if version is None else f"{group}-{version}"
        one, other = pair.both(lambda side, n=name, v=version: tell(side, story, n, v))
        pair.comparisons += sum(map(len, other.values()))
        found += compare(one, other, change)
    complain(collapse(found), but)
