// One connection of the floor: bare GnuTLS, a fixed request, answers with Content-Length.
#ifndef CONNECTION_H
#define CONNECTION_H

#include "driver.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

enum { transport_buffer = 262144, head_limit = 2048 };

struct connection {
    int fd;
    gnutls_session_t session;
    int greeted;     // the handshake is over and the request is sent
    long head;       // bytes of the head so far
    long long left;  // bytes of the body to come, once the head is complete; -1: it is not
    double started;
    char received[head_limit + 1];
    char first;      // of the body
    char *in, *out;  // of the buffered transport
    size_t in_start, in_end, out_length;
};

static gnutls_certificate_credentials_t credentials;
static gnutls_priority_t priorities;
static gnutls_datum_t ticket;
static struct sockaddr_in server;
static char request[512];
static size_t request_length;
static int buffered, gathering;
static char body[1 << 20];

static void fail(const char *what, int code)
{
    fprintf(stderr, "%s%s%s\n", what, code ? ": " : "", code ? gnutls_strerror(code) : "");
    exit(1);
}

// --- The buffered transport: reads of 256 KiB; while `gathering`, writes of as much ---

static ssize_t pull(gnutls_transport_ptr_t transport, void *data, size_t size)
{
    struct connection *c = transport;
    if (c->in_start == c->in_end) {
        ssize_t count = recv(c->fd, c->in, transport_buffer, 0);
        if (count <= 0) {
            gnutls_transport_set_errno(c->session, errno);
            return count;
        }
        c->in_start = 0;
        c->in_end = (size_t)count;
    }
    if (size > c->in_end - c->in_start) size = c->in_end - c->in_start;
    memcpy(data, c->in + c->in_start, size);
    c->in_start += size;
    return (ssize_t)size;
}

static int drain(struct connection *c)
{
    for (size_t done = 0; done < c->out_length;) {
        ssize_t count = send(c->fd, c->out + done, c->out_length - done, MSG_NOSIGNAL);
        if (count < 0 && errno != EINTR) return -1;
        if (count > 0) done += (size_t)count;
    }
    c->out_length = 0;
    return 0;
}

static ssize_t push(gnutls_transport_ptr_t transport, const giovec_t *pieces, int count)
{
    struct connection *c = transport;
    size_t total = 0;
    for (int i = 0; i < count; i++) total += pieces[i].iov_len;
    if (c->out_length + total > transport_buffer && drain(c)) return -1;
    for (int i = 0; i < count; i++) {
        memcpy(c->out + c->out_length, pieces[i].iov_base, pieces[i].iov_len);
        c->out_length += pieces[i].iov_len;
    }
    if (!gathering && drain(c)) return -1;
    return (ssize_t)total;
}

// --- From connecting to the answer ---

static void expect_answer(struct connection *c)
{
    c->head = 0;
    c->left = -1;
}

static void send_request(struct connection *c)
{
    expect_answer(c);
    ssize_t sent = gnutls_record_send(c->session, request, request_length);
    if (sent != (ssize_t)request_length) fail("send", (int)sent);
}

static void connect_to_server(struct connection *c, int nonblocking, int resuming)
{
    int on = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(c->fd, (struct sockaddr *)&server, sizeof server)) {
        perror("connect");
        exit(1);
    }
    if (nonblocking) fcntl(c->fd, F_SETFL, O_NONBLOCK);
    gnutls_init(&c->session, GNUTLS_CLIENT | (nonblocking ? GNUTLS_NONBLOCK : 0));
    gnutls_priority_set(c->session, priorities);
    gnutls_credentials_set(c->session, GNUTLS_CRD_CERTIFICATE, credentials);
    gnutls_session_set_verify_cert(c->session, "127.0.0.1", 0);
    if (buffered) {
        if (!c->in) c->in = malloc(transport_buffer);
        if (!c->out) c->out = malloc(transport_buffer);
        c->in_start = c->in_end = c->out_length = 0;
        gnutls_transport_set_ptr(c->session, c);
        gnutls_transport_set_pull_function(c->session, pull);
        gnutls_transport_set_vec_push_function(c->session, push);
    } else {
        gnutls_transport_set_int(c->session, c->fd);
    }
    if (resuming && ticket.size) gnutls_session_set_data(c->session, ticket.data, ticket.size);
    c->greeted = 0;
}

static void disconnect(struct connection *c)
{
    gnutls_bye(c->session, GNUTLS_SHUT_WR);
    gnutls_deinit(c->session);
    close(c->fd);
}

static void read_head(struct connection *c)
{
    c->received[c->head] = 0;
    char *blank = strstr(c->received, "\r\n\r\n");
    if (!blank) {
        if (c->head == head_limit) fail("the head is too long", 0);
        return;
    }
    char *length = strcasestr(c->received, "content-length:");
    if (!length || strncmp(c->received, "HTTP/1.1 200 ", 13)) {
        fprintf(stderr, "unexpected answer: %.*s\n", 60, c->received);
        exit(1);
    }
    c->first = blank[4];
    c->left = atoll(length + 15) - (c->received + c->head - (blank + 4));
}

// Goes on with the handshake or the answer, as far as it goes. 1: the answer is complete. 0: more must come; also on a
// blocking socket, where GnuTLS answers a ticket with "again".
static int advance(struct connection *c)
{
    if (!c->greeted) {
        int code = gnutls_handshake(c->session);
        if (code < 0) {
            if (gnutls_error_is_fatal(code)) fail("handshake", code);
            return 0;
        }
        c->greeted = 1;
        send_request(c);
    }
    while (c->left != 0) {
        char *to = c->left < 0 ? c->received + c->head : body;
        size_t room = c->left < 0 ? (size_t)(head_limit - c->head) : sizeof body;
        ssize_t count = gnutls_record_recv(c->session, to, room);
        if (count == GNUTLS_E_INTERRUPTED) continue;
        if (count == GNUTLS_E_AGAIN) {
            // What was read ahead is not announced by epoll any more.
            if (c->in_start < c->in_end) continue;
            return 0;
        }
        if (count <= 0) fail("receive", (int)count);
        if (c->left >= 0) {
            c->left -= count;
        } else {
            c->head += count;
            read_head(c);
            // Shorter than what came: the answer is not what was asked for.
            if (c->left < -1) fail("the answer is too long", 0);
        }
    }
    return 1;
}

#endif
