// Snippet asks the same range query twice and inserts a row in between, in the
// shape of the article's chapter 2.5. It does not compile: Begin returns a
// transaction and an error.
package main

import "database/sql"

func phantom(db *sql.DB) {
	tx1 := db.Begin()
	before, _ := tx1.Query("SELECT name FROM users WHERE age > 18")
	tx2 := db.Begin()
	tx2.Exec("INSERT INTO users (name, age) VALUES (?, ?)", "Dora", 25)
	tx2.Commit()
	after, _ := tx1.Query("SELECT name FROM users WHERE age > 18")
	_, _ = before, after
}

func main() { phantom(nil) }
