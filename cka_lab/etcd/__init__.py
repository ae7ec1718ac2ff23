"""etcd seen from outside: its processes, a client over its JSON gateway, and a reader of its database files."""
