@_exported public import HTTPTypes
@_exported public import MTLSCore
@_exported public import MTLSIdentity
@_exported public import SecretMemory

@_exported public import class GnuTLS.Certificate
@_exported public import class GnuTLS.KeyLog
@_exported public import class GnuTLS.PublicKey
@_exported public import enum GnuTLS.HashAlgorithm
@_exported public import enum GnuTLS.SignatureScheme
@_exported public import enum GnuTLS.TLSVersion
@_exported public import struct GnuTLSNIO.HandshakeSummary
