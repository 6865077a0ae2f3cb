@_exported public import DevPKI
@_exported public import MTLSClient

@_exported public import enum GnuTLS.KeyKind
