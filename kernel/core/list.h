/* An intrusive doubly linked list, circular through its head. The node is a member of the element (CONTAINER leads back
 * to it). The list takes no memory and no lock: the owner of the head says which lock protects it. */
#ifndef RAYOS_LIST_H
#define RAYOS_LIST_H
#include <stdbool.h>
#include <stddef.h>

struct list { struct list *previous, *next; };

#define CONTAINER(node, type, member) ((type *)((char *)(node) - offsetof(type, member)))
#define LIST_EMPTY(head) { &(head), &(head) } /* initialiser of a static head */

static inline void list_init(struct list *l) { l->previous = l->next = l; }
static inline bool list_empty(const struct list *l) { return l->next == l; } /* of a node: it is in no list */

/* A zeroed head is initialised at its first use: for static arrays of heads. */
static inline struct list *list_lazy(struct list *head)
{
    if (!head->next)
        list_init(head);
    return head;
}

static inline void list_insert_after(struct list *at, struct list *l)
{
    l->next = at->next;
    l->previous = at;
    at->next->previous = l;
    at->next = l;
}

static inline void list_prepend(struct list *head, struct list *l) { list_insert_after(head, l); }
static inline void list_append(struct list *head, struct list *l) { list_insert_after(head->previous, l); }

/* Leaves the node's pointers as they are: only for a node that is linked again or freed before its next use. */
static inline void list_unlink(struct list *l)
{
    l->previous->next = l->next;
    l->next->previous = l->previous;
}

/* The node is empty afterwards. Removing an empty node has no effect. */
static inline void list_remove(struct list *l)
{
    list_unlink(l);
    list_init(l);
}

static inline void list_move_all(struct list *to, struct list *from)
{
    if (list_empty(from))
        return;
    from->next->previous = to->previous;
    from->previous->next = to;
    to->previous->next = from->next;
    to->previous = from->previous;
    list_init(from);
}
#endif
