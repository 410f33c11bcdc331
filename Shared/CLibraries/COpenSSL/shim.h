#pragma once
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>

// HTTP/1.1 is all that is spoken; a client that insists on something else goes on without ALPN.
static int copenssl_select_protocol(SSL *session, const unsigned char **out, unsigned char *out_length,
                                    const unsigned char *in, unsigned int in_length, void *context) {
    static const unsigned char protocols[] = "\x08http/1.1";
    (void)session;
    (void)context;
    return SSL_select_next_proto((unsigned char **)out, out_length, protocols, 9, in, in_length) ==
                   OPENSSL_NPN_NEGOTIATED
               ? SSL_TLSEXT_ERR_OK
               : SSL_TLSEXT_ERR_NOACK;
}

// Settings that are macros in C, which Swift cannot call.
static inline void copenssl_configure_server(SSL_CTX *context) {
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_alpn_select_cb(context, copenssl_select_protocol, NULL);
}
