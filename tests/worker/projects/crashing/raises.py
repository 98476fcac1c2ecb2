def build():
    return {}["no such key"]


build()
