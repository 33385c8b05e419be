/* What an event loop's transport does first, too: give the octets to the kernel at once. */
#ifndef WSF_SENDING_H
#define WSF_SENDING_H

#include <stddef.h>

#if defined(_WIN32)

enum { WSF_CAN_SEND = 0 };

static inline ptrdiff_t wsf_send(int fd, const void *head, size_t head_length, const void *data,
                                 size_t length) {
    (void)fd, (void)head, (void)head_length, (void)data, (void)length;
    return -1;
}

#else

#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

enum { WSF_CAN_SEND = 1 };

#ifndef MSG_NOSIGNAL /* where it is missing, Python ignores SIGPIPE anyway */
#define MSG_NOSIGNAL 0
#endif

/* How many octets of both the kernel took, without waiting; below 0 for any error. */
static inline ptrdiff_t wsf_send(int fd, const void *head, size_t head_length, const void *data,
                                 size_t length) {
    const int flags = MSG_DONTWAIT | MSG_NOSIGNAL;
    struct iovec parts[2];
    struct msghdr message;
    if (head_length == 0)
        return send(fd, data, length, flags);
    parts[0].iov_base = (void *)(size_t)head;
    parts[0].iov_len = head_length;
    parts[1].iov_base = (void *)(size_t)data;
    parts[1].iov_len = length;
    memset(&message, 0, sizeof message);
    message.msg_iov = parts;
    message.msg_iovlen = 2;
    return sendmsg(fd, &message, flags);
}

#endif
#endif
